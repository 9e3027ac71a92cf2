using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Abi.Testing;

/// <summary>An HTTP/1.1 server on this machine whose every answer the test decides, broken ones too.</summary>
internal sealed class LocalServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private readonly Func<LocalRequest, LocalResponse> _answer;

    /// <summary>Starts it on a free port.</summary>
    public LocalServer(Func<LocalRequest, LocalResponse> answer)
    {
        _answer = answer;
        _listener.Start();
        _loop = Task.Run(AcceptAsync);
    }

    /// <summary>Its address.</summary>
    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>What was asked, in order.</summary>
    public ConcurrentQueue<LocalRequest> Requests { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _listener.Stop();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // stopped
        }

        await Task.WhenAll(connections);
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.Latin1, false, 1024, leaveOpen: true);
                if (await reader.ReadLineAsync(_stop.Token) is not { Length: > 0 } first)
                {
                    return;
                }

                var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                {
                    var at = line.IndexOf(':', StringComparison.Ordinal);
                    headers[line[..at]] = line[(at + 1)..].Trim();
                }

                var request = new LocalRequest(first.Split(' ')[0], first.Split(' ')[1], headers);
                Requests.Enqueue(request);
                await WriteAsync(stream, _answer(request));
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // the client hung up, or the test is over
            }
        }
    }

    private async Task WriteAsync(NetworkStream stream, LocalResponse response)
    {
        if (response.IsSilent)
        {
            await Task.Delay(Timeout.Infinite, _stop.Token);
        }

        var head = new StringBuilder().Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {response.Status} X\r\nConnection: close\r\nContent-Length: {response.Body.Length}\r\n");
        foreach (var (name, value) in response.Headers)
        {
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }

        await stream.WriteAsync(Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), _stop.Token);
        await stream.WriteAsync(response.Body.AsMemory(0, Math.Min(response.BreakAfter, response.Body.Length)), _stop.Token);
        await stream.FlushAsync(_stop.Token);
        if (response.Stalls)
        {
            await Task.Delay(Timeout.Infinite, _stop.Token);
        }
    }
}
