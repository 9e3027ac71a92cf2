using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Abi.Llm;

/// <summary>Writes <c>text/event-stream</c> (WHATWG HTML, "Server-sent events"): any text as events, and generations as JSON events that end with <c>[DONE]</c>.</summary>
/// <remarks>For one caller at a time. The stream is flushed after each event and not disposed of.</remarks>
public sealed class ServerSentEventWriter
{
    private readonly Stream _stream;
    private readonly ArrayBufferWriter<byte> _event = new(512);
    private readonly ArrayBufferWriter<byte> _json = new(512);

    /// <summary>Writes to a stream.</summary>
    public ServerSentEventWriter(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
    }

    /// <summary>The media type to declare.</summary>
    public const string MediaType = "text/event-stream";

    /// <summary>Writes one event.</summary>
    /// <param name="data">The data; each of its lines becomes a line of the event.</param>
    /// <param name="eventType">The event's type, without line breaks, or null for the default one.</param>
    /// <param name="id">The event's id, without line breaks, or null.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <exception cref="ArgumentException">A line break is where none may be.</exception>
    public ValueTask WriteAsync(string data, string? eventType = null, string? id = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return WriteAsync(Encoding.UTF8.GetBytes(data), eventType, id, cancellationToken);
    }

    /// <summary>Writes a generation: <c>{"text":…,"ids":[…]}</c> for each piece, with <c>"logprobs"</c> when there are any; the last has <c>"finish_reason"</c>, <c>"seed"</c> and <c>"usage"</c>; then <c>[DONE]</c>.</summary>
    /// <param name="pieces">The pieces.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    public async Task WriteGenerationAsync(IAsyncEnumerable<GeneratedPiece> pieces, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        await foreach (var piece in pieces.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            Format(piece);
            await WriteAsync(_json.WrittenMemory, null, null, cancellationToken).ConfigureAwait(false);
        }

        await WriteAsync("[DONE]", cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    private static void RequireOneLine(string? value, string name)
    {
        if (value is not null && value.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
        {
            throw new ArgumentException("A line break or a null character is not allowed here.", name);
        }
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> data, string? eventType, string? id, CancellationToken cancellationToken)
    {
        RequireOneLine(eventType, nameof(eventType));
        RequireOneLine(id, nameof(id));
        _event.ResetWrittenCount();
        if (eventType is not null)
        {
            Line("event: "u8, Encoding.UTF8.GetBytes(eventType));
        }

        if (id is not null)
        {
            Line("id: "u8, Encoding.UTF8.GetBytes(id));
        }

        Lines(data.Span);
        _event.Write("\n"u8);
        await _stream.WriteAsync(_event.WrittenMemory, cancellationToken).ConfigureAwait(false);
        await _stream.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private void Lines(ReadOnlySpan<byte> rest)
    {
        while (true)
        {
            var end = rest.IndexOfAny((byte)'\r', (byte)'\n');
            if (end < 0)
            {
                Line("data: "u8, rest);
                return;
            }

            Line("data: "u8, rest[..end]);
            rest = rest[end..].StartsWith("\r\n"u8) ? rest[(end + 2)..] : rest[(end + 1)..];
        }
    }

    private void Line(ReadOnlySpan<byte> field, ReadOnlySpan<byte> value)
    {
        _event.Write(field);
        _event.Write(value);
        _event.Write("\n"u8);
    }

    private void Format(GeneratedPiece piece)
    {
        _json.ResetWrittenCount();
        using var json = new Utf8JsonWriter(_json);
        json.WriteStartObject();
        json.WriteString("text"u8, piece.Text);
        json.WriteStartArray("ids"u8);
        foreach (var token in piece.Tokens)
        {
            json.WriteNumberValue(token.Id);
        }

        json.WriteEndArray();
        if (piece.Tokens.Length > 0 && !float.IsNaN(piece.Tokens[0].LogProbability))
        {
            json.WriteStartArray("logprobs"u8);
            foreach (var token in piece.Tokens)
            {
                json.WriteNumberValue(token.LogProbability);
            }

            json.WriteEndArray();
        }

        if (piece.Outcome is { } outcome)
        {
            json.WriteString("finish_reason"u8, Name(outcome.FinishReason));
            json.WriteNumber("seed"u8, outcome.Seed);
            json.WriteStartObject("usage"u8);
            json.WriteNumber("prompt_tokens"u8, outcome.Usage.PromptTokens);
            json.WriteNumber("completion_tokens"u8, outcome.Usage.GeneratedTokens);
            json.WriteNumber("total_tokens"u8, outcome.Usage.TotalTokens);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static string Name(FinishReason reason) => reason switch
    {
        FinishReason.StopToken or FinishReason.StopString => "stop",
        FinishReason.Length or FinishReason.ContextFull or FinishReason.TimeLimit => "length",
        FinishReason.Cancelled => "cancelled",
        _ => "error",
    };
}
