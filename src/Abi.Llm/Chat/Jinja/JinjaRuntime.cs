using System.Runtime.CompilerServices;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>One rendering: its output, its clock, and what it may still use up.</summary>
internal sealed class JinjaRuntime(JinjaLimits limits, DateTimeOffset now, CancellationToken cancellationToken)
{
    [ThreadStatic]
    private static JinjaRuntime? _current;

    private long _steps;
    private int _depth;

    public JinjaLimits Limits { get; } = limits;

    public DateTimeOffset Now { get; } = now;

    /// <summary>Inside an <c>autoescape</c> block: what is written is escaped for HTML.</summary>
    public bool EscapesOutput { get; set; }

    /// <summary>Renders with this as the thread's rendering, to which comparing and printing of values are charged.</summary>
    public string Run(Func<string> render)
    {
        var outer = _current;
        _current = this;
        try
        {
            return render();
        }
        finally
        {
            _current = outer;
        }
    }

    /// <summary>Counts a step inside of a value that is compared, hashed or printed, and makes sure of the stack for the next level.</summary>
    public static void Descend()
    {
        _current?.Step();
        CheckStack();
    }

    /// <summary>Text that a value's representation may still grow to.</summary>
    public static void CheckText(int length)
    {
        if (length > (_current?.Limits ?? JinjaLimits.Default).Characters)
        {
            throw TooMuchText((_current?.Limits ?? JinjaLimits.Default).Characters);
        }
    }

    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new JinjaException(JinjaErrorKind.Limit, "The chat template, or a value that it made, nests too deeply.");
        }
    }

    /// <summary>Counts one operation.</summary>
    public void Step() => Charge(1);

    /// <summary>Counts what takes as long as so many operations.</summary>
    public void Charge(long steps)
    {
        var before = _steps;
        _steps += steps;
        if (_steps > Limits.Steps)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template takes more than {Limits.Steps} steps.");
        }

        if ((before ^ _steps) > 0xfff)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Counts a value that a function made: text costs a step for every 64 characters.</summary>
    public object? ChargeMade(object? value)
    {
        if (JinjaMarkup.Unwrap(value) is string text)
        {
            CheckCharacters(text.Length);
        }

        return value;
    }

    /// <summary>Counts a value that is about to be looked through, which is quicker than making it.</summary>
    public object? ChargeUsed(object? value)
    {
        Charge(value switch
        {
            string text => text.Length >> 10,
            JinjaMarkup markup => markup.Text.Length >> 10,
            JinjaList list => list.Count >> 4,
            JinjaView view => view.Dictionary.Count >> 4,
            _ => 0,
        });
        return value;
    }

    /// <summary>A text may be taken apart into so many parts.</summary>
    public static void CheckParts(long count)
    {
        var most = 4L * (_current?.Limits ?? JinjaLimits.Default).Elements;
        if (count > most)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template takes a text apart into more than {most} parts.");
        }
    }

    /// <summary>So many characters are compared.</summary>
    public static void Look(long characters) => _current?.Charge(characters >> 10);

    /// <summary>A part is looked for in a text, which may take as many comparisons as the product of their lengths.</summary>
    public static void Search(string text, string part) => _current?.Charge(((long)text.Length * part.Length) >> 16);

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
        CheckCharacters(output.Length + (long)text.Length, text.Length);
        output.Append(text);
    }

    public string Bound(string text)
    {
        CheckCharacters(text.Length);
        return text;
    }

    public void CheckCharacters(long count) => CheckCharacters(count, count);

    /// <summary>Counts what a text has grown by since it had a length.</summary>
    public void CheckGrowth(StringBuilder builder, int before) => CheckCharacters(builder.Length, builder.Length - before);

    public void CheckElements(long count)
    {
        if (count > Limits.Elements)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template makes a list of more than {Limits.Elements} elements.");
        }

        Charge(count);
    }

    /// <summary>A text may have so many characters, of which these are new. Long strings cost time too: a step for every 64 new characters.</summary>
    public void CheckCharacters(long count, long added)
    {
        if (count > Limits.Characters)
        {
            throw TooMuchText(Limits.Characters);
        }

        Charge(added >> 6);
    }

    private static JinjaException TooMuchText(int most) => new(JinjaErrorKind.Limit, $"The chat template makes more than {most} characters.");
}
