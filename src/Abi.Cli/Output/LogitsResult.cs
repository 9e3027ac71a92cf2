namespace Abi.Cli.Output;

/// <summary>What <c>logits</c> wrote.</summary>
internal sealed record LogitsResult(string Output, int[] Shape, int[] Ids, int[]? DecoderIds, int Argmax);
