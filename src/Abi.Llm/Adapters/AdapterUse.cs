using System.Runtime.InteropServices;

namespace Abi.Llm;

/// <summary>An adapter as one request applies it.</summary>
/// <param name="Adapter">The adapter; of the model that the request is made of.</param>
/// <param name="Scale">What its changes are multiplied by, besides its own scale; 1 is as trained, 0 is none.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct AdapterUse(LoraAdapter Adapter, float Scale = 1);
