namespace Abi.Llm.Sessions;

/// <summary>The pages of one group of a session.</summary>
/// <param name="Length">The positions that hold keys and values.</param>
/// <param name="Pages">Each page in the form that <see cref="Compute.Devices.StateStore.ReadPage(int, System.Span{byte})"/> gives: [pages, page bytes]; null where a window had passed it.</param>
internal sealed record SessionPages(int Length, byte[]?[] Pages);
