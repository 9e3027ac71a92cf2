using System.Net;

namespace Abi.Llm.Downloads;

/// <summary>A model cannot be downloaded: the server refuses, the network fails, the file is not what was promised, or it cannot be written.</summary>
public sealed class DownloadException : AbiException
{
    internal DownloadException(string message, HttpStatusCode? statusCode = null, Exception? innerException = null)
        : base(message, innerException) => StatusCode = statusCode;

    /// <summary>What the server answered, where that was the reason.</summary>
    public HttpStatusCode? StatusCode { get; }
}
