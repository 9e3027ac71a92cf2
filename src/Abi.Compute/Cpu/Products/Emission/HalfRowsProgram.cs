using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>Writes the product of up to three rows with a panel [columns][64 outputs] of half-precision weights, which are made float32 on the way: .NET has no such conversion of vectors.</summary>
internal static class HalfRowsProgram
{
    private const int Vectors = 4;
    private const int Weights = 24;
    private const int ColumnBytes = 128;

    /// <summary>How far ahead of reading memory is asked for.</summary>
    private const int Ahead = 4096;

    /// <summary>Writes the function for some rows: <c>void (HalfRowsArguments*)</c> in the convention of System V.</summary>
    public static void Write(Assembler to, int rows)
    {
        to.Move(Register.Rax, Register.Rdi);
        to.Load(Register.Rdx, Register.Rax, Argument(nameof(HalfRowsArguments.Panel)));
        for (var row = 0; row < rows; row++)
        {
            to.Load(X(row), Register.Rax, Argument(nameof(HalfRowsArguments.X0)) + (8 * row));
        }

        to.Load(Register.R11, Register.Rax, Argument(nameof(HalfRowsArguments.Accumulate)));
        to.Test(Register.R11);
        var fresh = to.JumpAheadIfZero();
        ForOutputs(to, rows, load: true);
        var ready = to.JumpAhead();
        to.Land(fresh);
        for (var i = 0; i < rows * Vectors; i++)
        {
            to.Zero(i);
        }

        to.Land(ready);
        to.Load(Register.R11, Register.Rax, Argument(nameof(HalfRowsArguments.Columns)));
        to.Align();
        var loop = to.Length;
        to.Prefetch(Register.Rdx, Ahead);
        to.Prefetch(Register.Rdx, Ahead + 64);
        for (var vector = 0; vector < Vectors; vector++)
        {
            to.LoadHalves(Weights + vector, Register.Rdx, 32 * vector);
        }

        for (var row = 0; row < rows; row++)
        {
            for (var vector = 0; vector < Vectors; vector++)
            {
                to.MultiplyAdd((row * Vectors) + vector, Weights + vector, X(row), 0, broadcast: true);
            }
        }

        to.Add(Register.Rdx, ColumnBytes);
        for (var row = 0; row < rows; row++)
        {
            to.Add(X(row), sizeof(float));
        }

        to.Add(Register.R11, -1);
        to.JumpIfNotZero(loop);
        ForOutputs(to, rows, load: false);
        to.ZeroUpper();
        to.Return();
    }

    private static Register X(int row) => Register.R8 + row;

    private static int Argument(string field) => (int)Marshal.OffsetOf<HalfRowsArguments>(field);

    private static void ForOutputs(Assembler to, int rows, bool load)
    {
        for (var row = 0; row < rows; row++)
        {
            to.Load(Register.Rcx, Register.Rax, Argument(nameof(HalfRowsArguments.Y0)) + (8 * row));
            for (var vector = 0; vector < Vectors; vector++)
            {
                if (load)
                {
                    to.Load((row * Vectors) + vector, Register.Rcx, 64 * vector);
                }
                else
                {
                    to.Store(Register.Rcx, 64 * vector, (row * Vectors) + vector);
                }
            }
        }
    }
}
