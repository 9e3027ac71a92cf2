using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>
/// How a panel of 64 outputs lies in memory, in the order in which it is read: piece after piece of 256 columns; in a piece, 4 groups of 16 outputs; in a group, the units of scales where there are
/// any, then stretches of blocks of 32 columns: the scales of all blocks of a stretch, as many as fill whole cache lines, then their codes. (Read at two places in turn, a line of scales after
/// each few of codes, memory took up to twice the time.)
/// </summary>
/// <param name="CodeBits">The bits of a packed code.</param>
/// <param name="ScaleForm">How scales are kept.</param>
/// <param name="Scales">The scales of a block.</param>
/// <param name="HasMinimum">Whether each has a minimum.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PackedLayout(int CodeBits, ScaleForm ScaleForm, int Scales, bool HasMinimum)
{
    private const int Line = 64;

    /// <summary>The bytes of the codes of a group in a block.</summary>
    public int CodeBytes => Panel.GroupOutputs * ActivationBlock.Columns * CodeBits / 8;

    /// <summary>The scales and minimums of a block.</summary>
    public int Factors => Scales * (HasMinimum ? 2 : 1);

    /// <summary>Whether a scale and its minimum are halves of one byte.</summary>
    public bool HasSharedByte => ScaleForm == ScaleForm.Super && Scales == 2 && HasMinimum;

    /// <summary>The bytes of the scales and minimums of a group in a block, without their units.</summary>
    public int BlockScaleBytes => Panel.GroupOutputs * ScaleForm switch
    {
        ScaleForm.Half => sizeof(ushort) * Factors,
        ScaleForm.Single => sizeof(float) * Factors,
        _ => HasSharedByte ? Scales : Factors,
    };

    /// <summary>The bytes of the units of scales and minimums of a group, a cache line, which stand before its scales.</summary>
    public int UnitBytes => ScaleForm == ScaleForm.Super ? Line : 0;

    /// <summary>The blocks of a stretch: 1, 2 or 4.</summary>
    public int StretchBlocks => Math.Max(1, Line / BlockScaleBytes);

    /// <summary>The bytes of the scales of a stretch, also of one that ends early.</summary>
    public int StretchScaleBytes => StretchBlocks * BlockScaleBytes;

    /// <summary>The bytes from one stretch to the next.</summary>
    public int StretchBytes => StretchScaleBytes + (StretchBlocks * CodeBytes);

    /// <summary>The bytes of a group in a piece of some blocks.</summary>
    public int GroupBytes(int blocks) => UnitBytes + ((blocks + StretchBlocks - 1) / StretchBlocks * StretchScaleBytes) + (blocks * CodeBytes);

    /// <summary>The bytes of a piece of some blocks.</summary>
    public int PieceBytes(int blocks) => blocks == 0 ? 0 : Panel.Outputs / Panel.GroupOutputs * GroupBytes(blocks);

    /// <summary>The bytes of a panel of some blocks.</summary>
    public long PanelBytes(int blocks) => PieceOffset(blocks) + PieceBytes(blocks % Int8Panel.MaximumBlocks);

    /// <summary>Where in a panel the piece that begins with a block lies.</summary>
    public long PieceOffset(int block) => (long)(block / Int8Panel.MaximumBlocks) * PieceBytes(Int8Panel.MaximumBlocks);

    /// <summary>Where in a group the scales of a block lie.</summary>
    public int ScalesAt(int block) => UnitBytes + (block / StretchBlocks * StretchBytes) + (block % StretchBlocks * BlockScaleBytes);

    /// <summary>Where in a group the codes of a block lie.</summary>
    public int CodesAt(int block) => UnitBytes + (block / StretchBlocks * StretchBytes) + StretchScaleBytes + (block % StretchBlocks * CodeBytes);
}
