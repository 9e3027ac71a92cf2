using Abi.Compute.Cpu.Plans;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Entries of a table, by the row's id or position, or one for all.</summary>
internal sealed unsafe class EmbedRow(WeightTensor table, EmbedIndex index, int offset, Slot result) : RowOperation
{
    private readonly MappedFile? _file = table.Memory as MappedFile;

    public override string Name => $"Embed {table.Name}";

    public override int Cost => result.Width;

    public override int ScratchBytes => _file is null ? 0 : checked((int)table.RowByteLength);

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

            var values = new Span<float>(result.Row(row), result.Width);
            if (_file is null)
            {
                table.DecodeRow(entry, values);
                continue;
            }

            // Read, not touched: the pages that the system maps around each entry would soon be the whole table, beside its packed copy where products use it, too.
            var bytes = new Span<byte>(frame.Scratch(worker), ScratchBytes);
            _file.Read(table.Offset + (entry * table.RowByteLength), bytes);
            table.Format.Decode(bytes, values);
        }
    }
}
