using System.Buffers.Binary;
using System.Text;

namespace Abi.Llm.Gguf;

/// <summary>Says what a file is that is no GGUF file, and what to do: most are models of another format, or what a download gave instead of one.</summary>
internal static class ForeignFile
{
    /// <summary>As many bytes of the beginning as <see cref="Describe"/> looks at.</summary>
    public const int HeadLength = 64;

    /// <summary>What turns a model of another format into a GGUF file.</summary>
    public const string Conversion = "A model for PyTorch is converted with llama.cpp's convert_hf_to_gguf.py, or downloaded as GGUF";

    private static ReadOnlySpan<byte> ByteOrderMark => [0xef, 0xbb, 0xbf];

    /// <summary>What the file is and the remedy, to follow "it is".</summary>
    public static string Describe(ReadOnlySpan<byte> head)
    {
        var text = head.StartsWith(ByteOrderMark) ? head[ByteOrderMark.Length..] : head;
        text = text.TrimStart(" \t\r\n"u8);
        return head switch
        {
            // eight bytes of length, then the JSON header
            _ when head.Length > 8 && head[8] == '{' && BinaryPrimitives.ReadUInt64LittleEndian(head) < 1UL << 32 => $"a safetensors file. {Conversion}",
            _ when head.StartsWith("PK\u0003\u0004"u8) => $"a zip archive, as PyTorch's files are. {Conversion}",
            _ when head.StartsWith("lmgg"u8) || head.StartsWith("fmgg"u8) || head.StartsWith("tjgg"u8) => "a model of llama.cpp from before GGUF (August 2023). Download the model as GGUF",
            _ when head.StartsWith("version https://git-lfs"u8) => "a pointer of Git LFS, which stands for the file in a repository. Fetch the file itself: git lfs pull",
            _ when text.StartsWith("<"u8) => "a web page, which a server gave instead of the file. Download the file itself; at Hugging Face its address has /resolve/, not /blob/",
            _ when IsText(head) => $"text that begins with '{Encoding.ASCII.GetString(head[..Math.Min(head.Length, 24)]).ReplaceLineEndings(" ")}'. Choose another file, or download it again",
            _ => $"another kind of file (its first bytes are {Convert.ToHexStringLower(head[..Math.Min(head.Length, 8)])}). Convert it, or choose another file",
        };
    }

    private static bool IsText(ReadOnlySpan<byte> head) => head.IndexOfAnyExceptInRange((byte)' ', (byte)'~') is var other && (other < 0 || (other >= 8 && head[other] is (byte)'\n' or (byte)'\r' or (byte)'\t'));
}
