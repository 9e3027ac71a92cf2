using Abi.Database.Engine;
using Abi.Database.Rows;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Rows;

/// <summary>Records that no program wrote, in a log whose checksums match.</summary>
public sealed class RecordCodecTests
{
    private static readonly IEnumerable<TestCaseData> Malformed =
    [
        new TestCaseData(Record(new byte[8], writer => { writer.Byte(1); writer.Int64(long.MaxValue); writer.Int32(0); })).SetArgDisplayNames("ticks"),
        new TestCaseData(Record(new byte[8], writer => { writer.Byte(1); writer.Int64(0); writer.Int32(int.MaxValue); })).SetArgDisplayNames("offset"),
        new TestCaseData(Record(new byte[8], writer => { writer.Byte(1); writer.Int64(0); writer.Int32(-60); })).SetArgDisplayNames("before the first date"),
        new TestCaseData(Record(new byte[7], writer => writer.Byte(0))).SetArgDisplayNames("key too short"),
        new TestCaseData(Record(new byte[9], writer => writer.Byte(0))).SetArgDisplayNames("key too long"),
        new TestCaseData(new byte[] { 8, 0, 0, 0, 1 }).SetArgDisplayNames("key cut off"),
        new TestCaseData(Array.Empty<byte>()).SetArgDisplayNames("nothing"),
    ];

    [TestCaseSource(nameof(Malformed))]
    public void AMalformedRecordIsDamageWithAPlace(byte[] record)
    {
        var disk = new MemoryStorage();
        using (var engine = new DatabaseEngine(disk, History.Options()))
        {
            var handle = engine.Create("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("when", DataKind.Date)] });
            var commit = new ByteWriter();
            commit.Byte((byte)OpCode.Write);
            commit.Int32(handle.Schema.Id);
            commit.Int32(1);
            commit.Byte((byte)OpCode.Upsert);
            commit.Int64(0);
            commit.Block(record);
            Assert.ThrowsAsync<DatabaseException>(() => engine.CommitAsync(commit.ToArray()));
        }

        var error = Assert.Throws<DatabaseCorruptException>(() => new DatabaseEngine(disk, History.Options()).Dispose());
        Assert.That(error!.Message, Does.Contain("commit 2"));
    }

    private static byte[] Record(byte[] key, Action<ByteWriter> fields)
    {
        var writer = new ByteWriter();
        writer.Block(key);
        fields(writer);
        return writer.ToArray();
    }
}
