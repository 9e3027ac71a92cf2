using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Abi.Llm.Gguf;

namespace Abi.Llm.Models;

/// <summary>Tells models apart: SHA-256 over the architecture and, of every tensor, the name, format, shape and first bytes. Reads little of the file.</summary>
internal static class ModelFingerprint
{
    private const int SampleBytes = 1024;

    public static ReadOnlyMemory<byte> Compute(GgufFile file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[8];
        hash.AppendData(Encoding.UTF8.GetBytes(file.Metadata.GetString("general.architecture")));
        foreach (var tensor in file.Tensors)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(tensor.Name));
            Append(hash, number, (long)tensor.Type);
            foreach (var length in tensor.Shape)
            {
                Append(hash, number, length);
            }

            if (tensor.Rows > 0)
            {
                var row = tensor.RowBytes(0);
                hash.AppendData(row[..Math.Min(row.Length, SampleBytes)]);
            }
        }

        return hash.GetHashAndReset();

        static void Append(IncrementalHash hash, Span<byte> number, long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, value);
            hash.AppendData(number);
        }
    }
}
