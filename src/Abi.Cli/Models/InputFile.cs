using System.Text;
using Abi.Cli.Terminal;

namespace Abi.Cli.Models;

/// <summary>Files that commands read; <c>-</c> is stdin.</summary>
internal static class InputFile
{
    /// <summary>Opens a file.</summary>
    /// <exception cref="AbiException">It cannot be opened.</exception>
    public static Stream Open(string path, CliConsole console)
    {
        if (path == "-")
        {
            return console.Input;
        }

        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AbiException(Directory.Exists(path) ? $"'{path}' is a folder; a file was expected." : File.Exists(path) ? $"The file '{path}' cannot be read: {e.Message}" : $"There is no file '{path}'.", e);
        }
    }

    /// <summary>All bytes of a file.</summary>
    /// <exception cref="AbiException">It cannot be read.</exception>
    public static byte[] ReadBytes(string path, CliConsole console)
    {
        using var stream = Open(path, console);
        using var buffer = new MemoryStream();
        stream.CopyTo(buffer);
        return buffer.ToArray();
    }

    /// <summary>A text in UTF-8 without the line end that editors put behind the last line, as llama.cpp's tools read it.</summary>
    /// <exception cref="AbiException">It cannot be read.</exception>
    public static string ReadText(string path, CliConsole console)
    {
        var text = Encoding.UTF8.GetString(ReadBytes(path, console));
        return text.EndsWith('\n') ? text[..^1] : text;
    }
}
