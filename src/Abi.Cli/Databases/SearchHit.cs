using System.Collections.Immutable;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>A record that <c>db search</c> found, whatever it was searched by.</summary>
internal sealed record SearchHit(Dictionary<string, object?> Record, double Score, double? VectorScore, double? TextScore, ImmutableArray<TextHighlight> Highlights);
