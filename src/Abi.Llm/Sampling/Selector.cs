namespace Abi.Llm.Sampling;

/// <summary>The last link of a chain: it picks the token.</summary>
internal abstract class Selector
{
    /// <summary>The index of the chosen candidate.</summary>
    public abstract int Select(Candidates candidates);

    /// <summary>A copy that goes on from here on its own.</summary>
    public abstract Selector Clone();

    /// <summary>Writes what <see cref="ReadState"/> needs to go on from here.</summary>
    public abstract void WriteState(BinaryWriter writer);

    /// <summary>Goes on from where the writer was.</summary>
    /// <exception cref="InvalidDataException">It is no such state.</exception>
    public abstract void ReadState(BinaryReader reader);

    /// <summary>A bound of surprise that candidates can be compared with, however great a target and a rate are.</summary>
    protected static float Bound(float value) => Math.Clamp(value, float.MinValue, float.MaxValue);

    /// <summary>Reads a number that candidates are compared with.</summary>
    protected static float ReadFinite(BinaryReader reader) => reader.ReadSingle() is var value && float.IsFinite(value) ? value : throw new InvalidDataException($"{value} is no bound or mean.");
}
