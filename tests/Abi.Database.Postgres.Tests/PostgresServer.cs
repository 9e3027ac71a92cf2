using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Abi.Database.Postgres.Tests;

/// <summary>
/// A PostgreSQL with pgvector for the tests: that of <c>ABI_POSTGRES</c> (a connection string; the extension is made in its database), or one that is started in a temporary folder out of the programs on
/// the path or in Debian's place. Without either, the tests that need it are ignored and say why.
/// </summary>
[SetUpFixture]
public sealed class PostgresServer
{
    private static readonly Lazy<Task<(string? Connection, string Reason)>> Found = new(FindAsync);
    private static Action? _stop;

    /// <summary>The connection string; ignores the running test when there is no server.</summary>
    public static async Task<string> ConnectionAsync()
    {
        var (connection, reason) = await Found.Value;
        if (connection is null)
        {
            Assert.Ignore(reason);
        }

        return connection!;
    }

    [OneTimeTearDown]
    public void Stop() => _stop?.Invoke();

    private static async Task<(string? Connection, string Reason)> FindAsync()
    {
        if (Environment.GetEnvironmentVariable("ABI_POSTGRES") is { Length: > 0 } given)
        {
            await using var source = NpgsqlDataSource.Create(given);
            await using var command = source.CreateCommand("CREATE EXTENSION IF NOT EXISTS vector");
            await command.ExecuteNonQueryAsync();
            return (given, "");
        }

        string[] places = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries), .. Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(version => Path.Combine(version, "bin")) : []];
        return places.FirstOrDefault(place => File.Exists(Path.Combine(place, "initdb")) && File.Exists(Path.Combine(place, "pg_ctl"))) is { } programs
            ? await StartAsync(programs)
            : (null, "There is no PostgreSQL: set ABI_POSTGRES to a connection string, or install the server (initdb and pg_ctl) and pgvector.");
    }

    private static async Task<(string? Connection, string Reason)> StartAsync(string programs)
    {
        var folder = Directory.CreateTempSubdirectory("abi-postgres-").FullName;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111); // the server does not run as root
        }

        var data = Path.Combine(folder, "data");
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        if (Run(programs, "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--locale=C", "-E", "UTF8", "--no-sync") is { } initError)
        {
            Directory.Delete(folder, recursive: true);
            return (null, $"PostgreSQL is in {programs}, but initdb fails: {initError}");
        }

        if (Run(programs, "pg_ctl", "-D", data, "-l", Path.Combine(folder, "log"), "-w", "-o", $"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off", "start") is { } startError)
        {
            Directory.Delete(folder, recursive: true);
            return (null, $"PostgreSQL is in {programs}, but does not start: {startError}");
        }

        _stop = () =>
        {
            NpgsqlConnection.ClearAllPools();
            Run(programs, "pg_ctl", "-D", data, "-m", "immediate", "stop");
            Directory.Delete(folder, recursive: true);
        };
        var connection = $"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres";
        await using var source = NpgsqlDataSource.Create(connection);
        await using var available = source.CreateCommand("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'");
        if (await available.ExecuteScalarAsync() is 0L)
        {
            return (null, $"The PostgreSQL in {programs} lacks the extension vector: install pgvector, or set ABI_POSTGRES to the connection string of a server that has it.");
        }

        await using var extension = source.CreateCommand("CREATE EXTENSION vector");
        await extension.ExecuteNonQueryAsync();
        return (connection, "");
    }

    // Null when it went well, else what it said. As a user that is not root, where this is root.
    private static string? Run(string programs, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo { WorkingDirectory = "/", RedirectStandardError = true };
        string[] line = Environment.UserName == "root"
            ? ["setpriv", $"--reuid={User()}", "--clear-groups", Path.Combine(programs, program), .. arguments]
            : [Path.Combine(programs, program), .. arguments];
        start.FileName = line[0];
        foreach (var argument in line[1..])
        {
            start.ArgumentList.Add(argument);
        }

        // pg_ctl hands its streams on to the server, which would keep them open: only what is written to a file can be read to its end.
        start.RedirectStandardError = program != "pg_ctl";
        start.RedirectStandardOutput = program != "pg_ctl";
        using var process = Process.Start(start)!;
        var output = program == "pg_ctl" ? Task.FromResult("see the log") : process.StandardOutput.ReadToEndAsync();
        var errors = program == "pg_ctl" ? "" : process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? null : $"{errors} {output.Result}".Trim();
    }

    private static string User() => File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";
}
