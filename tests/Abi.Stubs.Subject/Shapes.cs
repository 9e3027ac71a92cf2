using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Mono.Cecil;

namespace Abi.Stubs.Subject;

public enum Colour : byte
{
    Red = 1,
    Green,
}

public delegate T Transform<in TIn, out T>(TIn value, ref int count);

public interface IShape : IComparable
{
    const int Corners = 4;

    static abstract IShape Create(int size);

    double Area { get; }

    event EventHandler? Changed;

    string Describe() => $"a shape of {Area}";
}

/// <summary>Every operation needs the assembly that goes.</summary>
public class Square : IShape, IAdditionOperators<Square, Square, Square>, IDisposable, IAsyncDisposable, IEquatable<Square>
{
    public const decimal Price = 1.5m;

    private readonly AssemblyDefinition? _heavy;
    private readonly Lock _lock = new();

    public Square(int size) => (Size, _heavy) = (size, null);

    protected Square() => Size = 1;

    ~Square() => Dispose(false);

    public event EventHandler? Changed;

    public static Square Unit { get; } = new(1) { Size = 1 };

    public required int Size { get; init; }

    public double Area => Size * Size;

    public string this[int index, string key = "a"] => key + index;

    public virtual ref int Reference => throw new NotSupportedException();

    public static IShape Create(int size) => new Square(size) { Size = size };

    public static Square operator +(Square left, Square right) => new(left.Size + right.Size) { Size = 2 };

    public static explicit operator int(Square value) => value.Size;

    int IComparable.CompareTo(object? other) => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public async Task<string> ReadAsync(CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        return _heavy?.FullName ?? "";
    }

    public async IAsyncEnumerable<int> StreamAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        yield return 1;
        await Task.Yield();
    }

    public IEnumerable<int> Count(int from = int.MinValue, double to = double.NaN, Colour colour = Colour.Green, decimal price = 2.5m)
    {
        yield return from;
    }

    public static void Fill(Span<byte> span, scoped ReadOnlySpan<char> text, params ReadOnlySpan<int> rest) => span.Clear();

    public static bool TryParse([NotNullWhen(true)] string? text, out Square? square, in int hint, ref long count)
    {
        square = null;
        return false;
    }

    public static unsafe int Native(void* pointer, delegate* unmanaged<int, void> callback) => 0;

    public T Convert<T, TOther>(TOther value)
        where T : class, IShape, new()
        where TOther : unmanaged, INumber<TOther> => new();

    [DllImport("nothing", CharSet = CharSet.Unicode)]
    public static extern int Call(string text);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    public ValueTask DisposeAsync() => default;

    public bool Equals(Square? other) => other is not null && other.Size == Size;

    public override bool Equals(object? obj) => Equals(obj as Square);

    public override int GetHashCode() => Size;

    public override string ToString()
    {
        lock (_lock)
        {
            return "square";
        }
    }

    protected virtual void Dispose(bool disposing) => Changed?.Invoke(this, EventArgs.Empty);

    private protected virtual void Hidden(AssemblyDefinition heavy) => _ = heavy;

    public sealed class Nested<T>(T value)
    {
        public T Value => value;

        private sealed class Inner;
    }
}

public abstract class Closed
{
    private protected Closed() { }

    internal abstract void Seal();
}

public ref struct Window
{
    private readonly Span<byte> _span;
    public ref int Place;

    public Window(Span<byte> span) => _span = span;

    public readonly int Length => _span.Length;
}

[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct Union
{
    [FieldOffset(0)]
    public int Whole;

    [FieldOffset(4)]
    private float _part;

    public float Part
    {
        readonly get => _part;
        set => _part = value;
    }
}

[InlineArray(8)]
public struct Eight
{
    private int _first;
}

public readonly struct Handle
{
    private readonly AssemblyDefinition? _heavy;
    private readonly Secret _secret;

    internal Handle(AssemblyDefinition? heavy) => (_heavy, _secret) = (heavy, default);

    public bool IsOpen => _heavy is not null && _secret.Value == 0;
}

internal struct Secret
{
    public int Value;
}

internal static class Startup
{
    [ModuleInitializer]
    internal static void Initialize() => AppContext.SetSwitch("Abi.Stubs.Subject.Ran", true);
}
