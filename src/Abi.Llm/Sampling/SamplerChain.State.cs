namespace Abi.Llm.Sampling;

/// <summary>What a chain remembers, as bytes, so that a saved session goes on with the same choices.</summary>
public sealed partial class SamplerChain
{
    /// <summary>Random numbers, running bounds and means of every link.</summary>
    internal byte[] SaveState()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Description);
        writer.Write(Seed);
        foreach (var sampler in _samplers)
        {
            sampler.WriteState(writer);
        }

        _selector.WriteState(writer);
        writer.Flush();
        return stream.ToArray();
    }

    /// <summary>Goes on from what <see cref="SaveState"/> gave.</summary>
    /// <exception cref="AbiException">It is of a chain of other links, or damaged.</exception>
    internal void RestoreState(byte[] state)
    {
        using var reader = new BinaryReader(new MemoryStream(state, writable: false));
        try
        {
            var description = reader.ReadString();
            if (!string.Equals(description, Description, StringComparison.Ordinal))
            {
                throw new AbiException($"The session's samplers were '{description}', but the options ask for '{Description}'. Resume with the same sampling options, or without {nameof(GenerationOptions.ResumeSampling)}.");
            }

            Seed = reader.ReadInt64();
            foreach (var sampler in _samplers)
            {
                sampler.ReadState(reader);
            }

            _selector.ReadState(reader);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or FormatException)
        {
            throw new AbiException("The session's sampler state is damaged. Start without it.", exception);
        }
    }
}
