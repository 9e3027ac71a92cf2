using System.Runtime.InteropServices;

namespace Abi.Llm.Engine;

/// <summary>What an engine holds at a moment.</summary>
/// <param name="Active">Requests that are being computed.</param>
/// <param name="Waiting">Requests that wait for room.</param>
/// <param name="IdleSequences">Sequences without a request whose state is kept.</param>
/// <param name="UsedPages">Pages of keys and values that sequences hold.</param>
/// <param name="ReusablePages">Further pages that are kept because a later request may begin with their tokens; given up when memory is needed.</param>
/// <param name="TotalPages">Pages there are.</param>
/// <param name="UsedStateBytes">Bytes of state that sequences hold.</param>
/// <param name="TotalStateBytes">Bytes of state there are.</param>
/// <param name="ScratchBytes">Bytes of scratch.</param>
/// <param name="Steps">Steps run.</param>
/// <param name="Preemptions">How often a request lost its state to another and was computed anew.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct EngineStatistics(
    int Active, int Waiting, int IdleSequences, int UsedPages, int ReusablePages, int TotalPages, long UsedStateBytes, long TotalStateBytes, long ScratchBytes, long Steps, long Preemptions);
