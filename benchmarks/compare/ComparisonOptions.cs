using System.Globalization;

namespace Abi.Compare;

/// <summary>What is compared with what.</summary>
internal sealed record ComparisonOptions(string Peer, string PeerRoot, string Abi, int Threads, int Rounds, int BandwidthSeconds, IReadOnlyList<BenchTest> Tests, IReadOnlyList<string> Models)
{
    public const string Usage = """
        compare --peer "llama-bench" --abi "abi bench" [--peer-root DIR] [-t 2] [-r 3] [--bandwidth-seconds 10] [--tests pp512,tg128,pp512@1024,tg64@1024] MODEL.gguf …

        --peer       the peer's benchmark command, with llama-bench's options (it may begin with `chroot DIR`)
        --peer-root  a folder that the peer sees as its root: it is taken off the front of the models' paths
        --abi        Abi's benchmark command
        --tests      ppN reads a prompt of N tokens, tgN generates N; @D does so behind D tokens
        """;

    public static ComparisonOptions? Parse(string[] args)
    {
        var options = new ComparisonOptions("llama-bench", "", "abi bench", 2, 3, 10, [new(512, 0, 0), new(0, 128, 0)], []);
        List<string> models = [];
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith('-'))
            {
                models.Add(Path.GetFullPath(args[i]));
                continue;
            }

            if (i + 1 == args.Length)
            {
                return null;
            }

            var value = args[++i];
            switch (args[i - 1])
            {
                case "--peer": options = options with { Peer = value }; break;
                case "--peer-root": options = options with { PeerRoot = value.TrimEnd('/') }; break;
                case "--abi": options = options with { Abi = value }; break;
                case "-t": options = options with { Threads = int.Parse(value, CultureInfo.InvariantCulture) }; break;
                case "-r": options = options with { Rounds = int.Parse(value, CultureInfo.InvariantCulture) }; break;
                case "--bandwidth-seconds": options = options with { BandwidthSeconds = int.Parse(value, CultureInfo.InvariantCulture) }; break;
                case "--tests": options = options with { Tests = [.. value.Split(',').Select(BenchTest.Parse)] }; break;
                default: return null;
            }
        }

        return models.Count == 0 ? null : options with { Models = models };
    }

    public string PeerPath(string model) => PeerRoot.Length > 0 && model.StartsWith(PeerRoot, StringComparison.Ordinal) ? model[PeerRoot.Length..] : model;
}
