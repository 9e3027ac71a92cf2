namespace Abi.Database.Storage;

/// <summary>An open file of an <see cref="IStorage"/>.</summary>
internal interface IStorageFile : IDisposable
{
    long Length { get; }

    /// <summary>Reads up to the span's length; less only at the file's end.</summary>
    int Read(long offset, Span<byte> bytes);

    void Write(long offset, ReadOnlySpan<byte> bytes);

    /// <summary>Makes the data written so far durable.</summary>
    void Flush();
}
