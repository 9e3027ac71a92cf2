namespace Abi.Llm;

/// <summary>A control vector as one request applies it.</summary>
/// <param name="Vector">The vector; as wide as the model's hidden states.</param>
/// <param name="Scale">What its directions are multiplied by.</param>
/// <param name="FirstLayer">The first layer that it is applied to, from 0.</param>
/// <param name="LastLayer">The last one; unset, the model's last.</param>
public sealed record ControlVectorUse(ControlVector Vector, float Scale = 1, int FirstLayer = 0, int? LastLayer = null);
