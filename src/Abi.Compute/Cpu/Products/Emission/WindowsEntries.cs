namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Entries by which Windows calls functions that keep to the convention of System V: up to three arguments go to its registers, and what belongs to the caller on Windows but not there, xmm6 to xmm15, rdi and
/// rsi, is kept on the stack meanwhile (Microsoft, "x64 calling convention").
/// </summary>
internal static class WindowsEntries
{
    private const int FirstKeptVector = 6;
    private const int KeptVectors = 10;
    private const int KeptRegisters = KeptVectors * 16; // where they begin
    private const int Frame = KeptRegisters + 16 + 8; // a multiple of 16 together with the address to return to

    /// <summary>Puts an entry for each function behind code, and says where the entries are.</summary>
    /// <param name="code">Functions that touch nothing below the top of the stack and return nothing.</param>
    /// <param name="starts">Where in it they begin.</param>
    public static (byte[] Code, int[] Starts) Add(ReadOnlySpan<byte> code, int[] starts)
    {
        var to = new Assembler(narrow: true);
        to.Data(code);
        var entries = Array.ConvertAll(starts, start => WriteEntry(to, start));
        return (to.ToArray(), entries);
    }

    private static int WriteEntry(Assembler to, int start)
    {
        to.Align();
        var entry = to.Length;
        to.Add(Register.Rsp, -Frame);
        for (var i = 0; i < KeptVectors; i++)
        {
            to.StoreLow(Register.Rsp, 16 * i, FirstKeptVector + i);
        }

        to.Store(Register.Rsp, KeptRegisters, Register.Rdi);
        to.Store(Register.Rsp, KeptRegisters + 8, Register.Rsi);
        to.Move(Register.Rdi, Register.Rcx);
        to.Move(Register.Rsi, Register.Rdx);
        to.Move(Register.Rdx, Register.R8);
        to.Call(start);
        for (var i = 0; i < KeptVectors; i++)
        {
            to.LoadLow(FirstKeptVector + i, Register.Rsp, 16 * i);
        }

        to.Load(Register.Rdi, Register.Rsp, KeptRegisters);
        to.Load(Register.Rsi, Register.Rsp, KeptRegisters + 8);
        to.Add(Register.Rsp, Frame);
        to.Return();
        return entry;
    }
}
