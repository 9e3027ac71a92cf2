namespace Abi.Testing;

/// <summary>What a <see cref="LocalServer"/> answers.</summary>
internal sealed record LocalResponse(int Status, byte[] Body)
{
    /// <summary>Headers besides the length.</summary>
    public List<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>The connection breaks after so many bytes of the body.</summary>
    public int BreakAfter { get; init; } = int.MaxValue;

    /// <summary>Nothing more comes, but the connection stays open.</summary>
    public bool Stalls { get; init; }

    /// <summary>Nothing comes at all, but the connection stays open.</summary>
    public bool IsSilent { get; init; }

    /// <summary>An answer to a request for a file, or for the rest of it, as a server with ranges gives.</summary>
    public static LocalResponse OfFile(LocalRequest request, byte[] file, string? tag = "\"1\"")
    {
        var start = request.RangeStart;
        var isSame = !request.Headers.TryGetValue("If-Range", out var wanted) || wanted == tag;
        var response = start > 0 && isSame
            ? new LocalResponse(206, file[start..]) { Headers = [("Content-Range", $"bytes {start}-{file.Length - 1}/{file.Length}")] }
            : new LocalResponse(200, file);
        if (tag is not null)
        {
            response.Headers.Add(("ETag", tag));
        }

        return response;
    }

    /// <summary>Another place to look.</summary>
    public static LocalResponse Redirect(string location, params (string Name, string Value)[] headers) => new(302, []) { Headers = [("Location", location), .. headers] };

    /// <summary>A text.</summary>
    public static LocalResponse OfText(string text, string type = "application/json") => new(200, System.Text.Encoding.UTF8.GetBytes(text)) { Headers = [("Content-Type", type)] };
}
