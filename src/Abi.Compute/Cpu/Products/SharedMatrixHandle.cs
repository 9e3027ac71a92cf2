namespace Abi.Compute.Cpu.Products;

/// <summary>One user's hold on a matrix that others may use too.</summary>
internal sealed unsafe class SharedMatrixHandle(ProductMatrix matrix, Action release) : ProductMatrix
{
    private Action? _release = release;

    public override int Rows => matrix.Rows;

    public override int Columns => matrix.Columns;

    public override ActivationForm Form => matrix.Form;

    public override int Granularity => matrix.Granularity;

    public override ProductKernels Kernels => matrix.Kernels;

    public override long PackedBytes => matrix.PackedBytes;

    public override long OwnBytes => matrix.OwnBytes;

    public override int ScratchBytes => matrix.ScratchBytes;

    public override void Multiply(byte** x, float** y, int rows, int first, int count, byte* scratch) => matrix.Multiply(x, y, rows, first, count, scratch);

    public override bool Prefetch(int first, int count, int offset, int bytes) => matrix.Prefetch(first, count, offset, bytes);

    public override void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
