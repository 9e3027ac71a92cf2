namespace Abi.Llm.Models;

/// <summary>Architectures whose blocks keep recurrent state, some of them beside attention.</summary>
internal static partial class ArchitectureTable
{
    private static Architecture[] Recurrent() =>
    [
        new("mamba") { Rope = null },
    ];
}
