using System.Collections.Immutable;

namespace Abi.Llm.Hosting;

/// <summary>A hosted model at a moment.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Aliases">Further names that lead to it.</param>
/// <param name="State">Where it is.</param>
/// <param name="IsPinned">Whether it stays in memory.</param>
/// <param name="Bytes">The bytes of the budget that it takes: weights, state and scratch. Weights of a file that several models are made of count for each of them here, and once in <see cref="ModelHost.UsedBytes"/>. Estimated until it is loaded; 0 when it is not in memory.</param>
/// <param name="Requests">Requests that hold it or wait for it to load.</param>
/// <param name="Waiting">Requests that wait for one of these to end.</param>
/// <param name="Loads">How often it was loaded.</param>
/// <param name="LastUsed">When a request last let go of it; null before the first.</param>
public sealed record HostedModelStatus(
    string Name, ImmutableArray<string> Aliases, HostedModelState State, bool IsPinned, long Bytes, int Requests, int Waiting, int Loads, DateTimeOffset? LastUsed);
