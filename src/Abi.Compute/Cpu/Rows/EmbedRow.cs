using Abi.Compute.Cpu.Plans;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Entries of a table, by the row's id or position, or one for all.</summary>
internal sealed unsafe class EmbedRow(WeightTensor table, EmbedIndex index, int offset, Slot result) : RowOperation
{
    private const int ManyRows = 16; // of a chunk: a prompt's, not a few sequences' that generate

    public override string Name => $"Embed {table.Name}";

    public override int Cost => result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        for (var row = first; row < end; row++)
        {
            var entry = index switch
            {
                EmbedIndex.Id => frame.Inputs.Ids[row],
                EmbedIndex.Position => frame.Inputs.Positions[row] + offset,
                _ => offset,
            };
            if (entry < 0 || entry >= table.Rows)
            {
                throw new ArgumentOutOfRangeException(nameof(frame), entry, $"The table '{table.Name}' has {table.Rows} entries.");
            }

            table.DecodeRow(entry, new Span<float>(result.Row(row), result.Width));
        }

        // The system maps the pages around each one that is read, so that a prompt's rows would hold most of a table.
        if (end - first >= ManyRows)
        {
            SystemMemory.GiveBack(table.Memory, table.Address, table.ByteLength);
        }
    }
}
