
namespace Abi.Llm.Sampling;

/// <summary>
/// MT19937 (paper: Matsumoto and Nishimura 1998), with the conversions to floats of the reference's standard library, so that a seed gives the same choices as
/// llama.cpp does on the same logits.
/// </summary>
internal sealed class MersenneTwister
{
    private const int Size = 624;
    private readonly uint[] _state = new uint[Size];
    private int _index;

    public MersenneTwister(long seed)
    {
        if (seed is >= 0 and <= uint.MaxValue)
        {
            Fill((uint)seed);
            return;
        }

        // A wider seed is mixed in by the algorithm's own initialisation by array.
        Span<uint> key = [(uint)seed, (uint)(seed >> 32)];
        Fill(19650218);
        var i = 1;
        for (var k = 0; k < Size; k++)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1664525u)) + key[k % 2] + (uint)(k % 2);
            Advance(ref i);
        }

        for (var k = 0; k < Size - 1; k++)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1566083941u)) - (uint)i;
            Advance(ref i);
        }

        _state[0] = 0x80000000u;
    }

    private MersenneTwister(MersenneTwister other)
    {
        other._state.CopyTo(_state, 0);
        _index = other._index;
    }

    /// <summary>A seed in 32 bits, another in every process.</summary>
    public static long RandomSeed() => Random.Shared.NextInt64(1L << 32);

    public MersenneTwister Clone() => new(this);

    /// <summary>Writes the place in the sequence of numbers.</summary>
    public void WriteState(BinaryWriter writer)
    {
        writer.Write(_index);
        foreach (var word in _state)
        {
            writer.Write(word);
        }
    }

    /// <summary>Goes on from a place that was written.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public void ReadState(BinaryReader reader)
    {
        var index = reader.ReadInt32();
        if (index is < 0 or > Size)
        {
            throw new InvalidDataException($"A place of {index} in a round of {Size} random numbers.");
        }

        _index = index;
        for (var i = 0; i < Size; i++)
        {
            _state[i] = reader.ReadUInt32();
        }
    }

    public uint Next()
    {
        if (_index == Size)
        {
            Generate();
        }

        var y = _state[_index++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        return y ^ (y >> 18);
    }

    /// <summary>A uniform number in [0, 1) of 53 bits, from two draws.</summary>
    public double NextDouble()
    {
        double low = Next();
        var value = ((Next() * 4294967296.0) + low) / 18446744073709551616.0;
        return value >= 1 ? double.BitDecrement(1) : value;
    }

    /// <summary>A uniform number in [0, 1) of 24 bits, from one draw.</summary>
    public float NextSingle()
    {
        var value = (float)Next() / 4294967296f;
        return value >= 1 ? float.BitDecrement(1) : value;
    }

    private void Fill(uint seed)
    {
        _state[0] = seed;
        for (var i = 1; i < Size; i++)
        {
            _state[i] = (1812433253u * (_state[i - 1] ^ (_state[i - 1] >> 30))) + (uint)i;
        }

        _index = Size;
    }

    private void Advance(ref int i)
    {
        if (++i == Size)
        {
            _state[0] = _state[Size - 1];
            i = 1;
        }
    }

    private void Generate()
    {
        for (var i = 0; i < Size; i++)
        {
            var y = (_state[i] & 0x80000000u) | (_state[(i + 1) % Size] & 0x7fffffffu);
            _state[i] = _state[(i + 397) % Size] ^ (y >> 1) ^ ((y & 1) == 0 ? 0 : 0x9908b0dfu);
        }

        _index = 0;
    }
}
