using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>One rendering: its output, its clock, and what it may still use up.</summary>
internal sealed class JinjaRuntime(JinjaLimits limits, DateTimeOffset now, CancellationToken cancellationToken)
{
    private long _steps;
    private int _depth;

    public JinjaLimits Limits { get; } = limits;

    public DateTimeOffset Now { get; } = now;

    /// <summary>Counts one operation.</summary>
    public void Step()
    {
        if (++_steps > Limits.Steps)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template takes more than {Limits.Steps} steps.");
        }

        if ((_steps & 0xfff) == 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public void Charge(long steps)
    {
        _steps += steps;
        Step();
    }

    public void Enter()
    {
        if (++_depth > Limits.Depth)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template nests calls deeper than {Limits.Depth}.");
        }
    }

    public void Leave() => _depth--;

    public void Write(StringBuilder output, string text)
    {
        CheckCharacters(output.Length + (long)text.Length);
        output.Append(text);
    }

    public string Bound(string text)
    {
        CheckCharacters(text.Length);
        return text;
    }

    public void CheckCharacters(long count)
    {
        if (count > Limits.Characters)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template makes more than {Limits.Characters} characters.");
        }

        // Long strings cost time too: a step for every 64 characters.
        _steps += count >> 6;
    }

    public void CheckElements(long count)
    {
        if (count > Limits.Elements)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template makes a list of more than {Limits.Elements} elements.");
        }

        _steps += count;
    }
}
