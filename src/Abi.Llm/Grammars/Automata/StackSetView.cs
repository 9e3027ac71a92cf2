namespace Abi.Llm.Grammars.Automata;

/// <summary>What a <see cref="StackSet"/> holds, to look for one without making it.</summary>
internal readonly ref struct StackSetView(bool hasEmpty, ReadOnlySpan<Frame> frames, ReadOnlySpan<StackSet> below)
{
    public bool HasEmpty { get; } = hasEmpty;

    public ReadOnlySpan<Frame> Frames { get; } = frames;

    public ReadOnlySpan<StackSet> Below { get; } = below;
}
