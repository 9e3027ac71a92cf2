using System.Globalization;

namespace Abi.Compare;

/// <summary>What is compared with what.</summary>
internal sealed record ComparisonOptions(
    IReadOnlyList<Peer> Peers, string PeerRoot, string Abi, int Threads, int Rounds, int BandwidthSeconds, string? State, bool IsQuick, IReadOnlyList<BenchTest> Tests, IReadOnlyList<string> Models)
{
    public const string Usage = """
        compare [--quick] --peer [NAME=]"llama-bench" --abi "abi bench" [--peer-root DIR] [--state FILE] [-t 2] [-r 3] [--bandwidth-seconds 10] [--tests pp512,tg128,pp512@1024] MODEL.gguf …

        --peer       a peer's benchmark command, with llama-bench's options (it may begin with `chroot DIR`); once for each build
        --peer-root  a folder that the peers see as their root: it is taken off the front of the models' paths
        --abi        Abi's benchmark command
        --quick      of the models, those of Q4_0 and Q8_0; prompts of 512, 128 tokens, and 64 behind 1024; no round is begun that would not end within ten minutes
        --state      keeps every measurement in a file as it is made; the same command goes on from there
        --tests      ppN reads a prompt of N tokens, tgN generates N; @D does so behind D tokens
        """;

    private const string QuickTests = "pp512,tg128,tg64@1024"; // the prompt behind 1024 tokens alone would take a third of the time
    private const string FullTests = QuickTests + ",pp512@1024,pp2048,pp512@4096,tg64@4096";

    /// <summary>What all rounds together may take; as long as the first takes, it is made.</summary>
    public TimeSpan TimeLimit => IsQuick ? TimeSpan.FromMinutes(10) : TimeSpan.MaxValue;

    public static ComparisonOptions? Parse(string[] args)
    {
        var options = new ComparisonOptions([], "", "abi bench", 2, 3, 10, null, false, [], []);
        List<string> models = [];
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith('-'))
            {
                models.Add(Path.GetFullPath(args[i]));
                continue;
            }

            if (args[i] == "--quick")
            {
                options = options with { IsQuick = true };
                continue;
            }

            if (i + 1 == args.Length)
            {
                return null;
            }

            var value = args[++i];
            switch (args[i - 1])
            {
                case "--peer": options = options with { Peers = [.. options.Peers, Peer.Parse(value)] }; break;
                case "--peer-root": options = options with { PeerRoot = value.TrimEnd('/') }; break;
                case "--abi": options = options with { Abi = value }; break;
                case "--state": options = options with { State = value }; break;
                case "-t": options = options with { Threads = int.Parse(value, CultureInfo.InvariantCulture) }; break;
                case "-r": options = options with { Rounds = int.Parse(value, CultureInfo.InvariantCulture) }; break;
                case "--bandwidth-seconds": options = options with { BandwidthSeconds = int.Parse(value, CultureInfo.InvariantCulture) }; break;
                case "--tests": options = options with { Tests = [.. value.Split(',').Select(BenchTest.Parse)] }; break;
                default: return null;
            }
        }

        if (options.IsQuick)
        {
            models.RemoveAll(model => !model.Contains("Q4_0", StringComparison.OrdinalIgnoreCase) && !model.Contains("Q8_0", StringComparison.OrdinalIgnoreCase));
        }

        options = options with
        {
            Models = models,
            Peers = options.Peers.Count > 0 ? options.Peers : [new Peer("llama.cpp", "llama-bench")],
            Tests = options.Tests.Count > 0 ? options.Tests : [.. (options.IsQuick ? QuickTests : FullTests).Split(',').Select(BenchTest.Parse)],
        };
        return models.Count == 0 ? null : options;
    }

    public string PeerPath(string model) => PeerRoot.Length > 0 && model.StartsWith(PeerRoot, StringComparison.Ordinal) ? model[PeerRoot.Length..] : model;
}
