using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Cpu.Products.Packing;

namespace Abi.Compute.Tests.Cpu.Products;

/// <summary>A panel has a place for all that is packed, each byte of scales and codes once, in lines of the cache, and little else.</summary>
public sealed class PackedLayoutTests
{
    [Test]
    public void EveryByteHasItsOwnPlace([Values(1, 2, 3, 4, 5, 6, 8)] int codeBits, [Values("Half", "Super", "Power", "Single")] string form, [Values(1, 2)] int scales, [Values] bool hasMinimum)
    {
        var layout = new PackedLayout(codeBits, Enum.Parse<ScaleForm>(form), scales, hasMinimum);
        for (var blocks = 1; blocks <= Int8Panel.MaximumBlocks; blocks++)
        {
            var uses = new int[layout.GroupBytes(blocks)];
            Use(0, layout.UnitBytes);
            for (var block = 0; block < blocks; block++)
            {
                Use(layout.ScalesAt(block), layout.BlockScaleBytes);
                Use(layout.CodesAt(block), layout.CodeBytes);
                Assert.That(layout.CodesAt(block) % 64, Is.Zero, "codes are read in lines");
            }

            Assert.That(uses, Has.All.LessThanOrEqualTo(1));
            Assert.That(uses.Count(use => use == 0), Is.LessThan(64), "but for the end of a line");
            Assert.That(uses.Length % 64, Is.Zero);
            Assert.That(layout.PieceBytes(blocks), Is.EqualTo(4 * uses.Length));
            Assert.That(layout.PanelBytes((3 * Int8Panel.MaximumBlocks) + blocks), Is.EqualTo((3L * layout.PieceBytes(Int8Panel.MaximumBlocks)) + layout.PieceBytes(blocks)));

            void Use(int at, int bytes)
            {
                for (var i = at; i < at + bytes; i++)
                {
                    uses[i]++;
                }
            }
        }
    }

    [Test]
    public void APanelIsAsLargeAsInTheFile()
    {
        // 64 outputs × 256 columns; Q6_K's units fill half a line in each group.
        Assert.That(PackedPanel<Q4_0Levels>.Layout.PanelBytes(8), Is.EqualTo(64 * 8 * 18));
        Assert.That(PackedPanel<Q8_0Levels>.Layout.PanelBytes(8), Is.EqualTo(64 * 8 * 34));
        Assert.That(PackedPanel<Q5_1Levels>.Layout.PanelBytes(8), Is.EqualTo(64 * 8 * 24));
        Assert.That(PackedPanel<Q6_KLevels>.Layout.PanelBytes(8), Is.EqualTo((64 * 210) + (4 * 32)));
        Assert.That(PackedPanel<MXFP4Levels>.Layout.PanelBytes(8), Is.EqualTo(64 * 8 * 17));
    }
}
