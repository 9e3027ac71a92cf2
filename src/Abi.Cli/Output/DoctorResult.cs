using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>What <c>doctor</c> found.</summary>
internal sealed record DoctorResult(bool Ok, ImmutableArray<DoctorCheck> Checks);
