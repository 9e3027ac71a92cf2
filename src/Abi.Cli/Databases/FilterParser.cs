using System.Globalization;
using System.Text;
using Abi.Cli.CommandLine;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>
/// Reads a filter: <c>or</c> of <c>and</c> of conditions, which may stand in brackets and behind <c>not</c>. Values are taken as the field's kind wants them.
/// </summary>
internal sealed class FilterParser
{
    private const int MostDepth = 64;

    private readonly CollectionDefinition _definition;
    private readonly List<(string Text, Kind Kind, int At)> _tokens;
    private int _next;
    private int _depth;

    private FilterParser(string text, CollectionDefinition definition)
    {
        _definition = definition;
        _tokens = Tokens(text);
    }

    private enum Kind
    {
        Word,
        Name, // in backquotes
        Text,
        Number,
        Symbol,
        End,
    }

    /// <summary>Reads a filter; null for none.</summary>
    /// <exception cref="UsageException">It is no filter, or one of fields that are not there.</exception>
    public static Filter? Parse(string? text, CollectionDefinition definition)
    {
        if (text is null)
        {
            return null;
        }

        var parser = new FilterParser(text, definition);
        var filter = parser.Or();
        return parser.Peek.Kind == Kind.End ? filter : throw parser.Wrong("and, or, or the end");
    }

    private (string Text, Kind Kind, int At) Peek => _tokens[_next];

    private Filter Or()
    {
        if (++_depth > MostDepth)
        {
            throw new UsageException($"The filter has more than {MostDepth} brackets in each other.");
        }

        List<Filter> all = [And()];
        while (Take("or"))
        {
            all.Add(And());
        }

        _depth--;
        return all.Count == 1 ? all[0] : Filter.Or(all);
    }

    private Filter And()
    {
        List<Filter> all = [Factor()];
        while (Take("and"))
        {
            all.Add(Factor());
        }

        return all.Count == 1 ? all[0] : Filter.And(all);
    }

    private Filter Factor()
    {
        if (Take("not"))
        {
            if (++_depth > MostDepth)
            {
                throw new UsageException($"The filter has more than {MostDepth} times not.");
            }

            var filter = Filter.Not(Factor());
            _depth--;
            return filter;
        }

        if (Take("("))
        {
            var filter = Or();
            Expect(")");
            return filter;
        }

        return Peek.Kind == Kind.Word && Peek.Text.Equals("within", StringComparison.OrdinalIgnoreCase) && _tokens[_next + 1].Text == "(" ? Within() : Comparison();
    }

    private Filter Within()
    {
        _next++;
        Expect("(");
        var latitude = Field();
        Expect(",");
        var longitude = Field();
        var numbers = new double[3];
        for (var i = 0; i < 3; i++)
        {
            Expect(",");
            numbers[i] = Peek.Kind == Kind.Number ? double.Parse(_tokens[_next++].Text, CultureInfo.InvariantCulture) : throw Wrong("a number");
        }

        Expect(")");
        return Filter.WithinRadius(latitude.Name, longitude.Name, numbers[0], numbers[1], numbers[2]);
    }

    private Filter Comparison()
    {
        var field = Field();
        if (Take("exists"))
        {
            return Filter.Exists(field.Name);
        }

        if (Take("in"))
        {
            Expect("(");
            List<object> values = [Required(field)];
            while (Take(","))
            {
                values.Add(Required(field));
            }

            Expect(")");
            return Filter.In(field.Name, values);
        }

        if (Take("contains"))
        {
            return Filter.Contains(field.Name, Required(field));
        }

        if (Take("starts"))
        {
            Expect("with");
            return Filter.StartsWith(field.Name, Required(field) as string ?? throw new UsageException($"The field '{field.Name}' is {field.Kind}; only texts start with something."));
        }

        if (Peek.Kind != Kind.Symbol || Peek.Text is not ("=" or "==" or "!=" or "<>" or "<" or "<=" or ">" or ">="))
        {
            throw Wrong("=, !=, <, <=, >, >=, in, contains, starts with or exists");
        }

        var sign = _tokens[_next++].Text;
        return sign switch
        {
            "=" or "==" => Filter.Equal(field.Name, Value(field)),
            "!=" or "<>" => Filter.NotEqual(field.Name, Value(field)),
            "<" => Filter.LessThan(field.Name, Required(field)),
            "<=" => Filter.LessThanOrEqual(field.Name, Required(field)),
            ">" => Filter.GreaterThan(field.Name, Required(field)),
            _ => Filter.GreaterThanOrEqual(field.Name, Required(field)),
        };
    }

    private DataField Field()
    {
        if (Peek.Kind is not (Kind.Word or Kind.Name))
        {
            throw Wrong("the name of a field");
        }

        var name = _tokens[_next++].Text;
        return _definition.Data.FirstOrDefault(field => field.Name == name)
            ?? throw new UsageException($"The filter names the field '{name}', which is not there{CommandLineParser.Suggestion(name, _definition.Data.Select(field => field.Name))}");
    }

    private object Required(DataField field) => Value(field) ?? throw new UsageException($"The filter compares '{field.Name}' with null, which only = and != can.");

    private object? Value(DataField field)
    {
        var (text, kind, _) = Peek;
        _next++;
        switch (kind)
        {
            case Kind.Word when text.Equals("null", StringComparison.OrdinalIgnoreCase):
                return null;
            case Kind.Word when field.Kind == DataKind.Boolean && bool.TryParse(text, out var boolean):
                return boolean;
            case Kind.Text when field.Kind is DataKind.Text or DataKind.TextArray:
                return text;
            case Kind.Text when field.Kind == DataKind.Date && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date):
                return date;
            case Kind.Number when field.Kind is DataKind.Integer or DataKind.IntegerArray && long.TryParse(text, CultureInfo.InvariantCulture, out var integer):
                return integer;
            case Kind.Number when field.Kind == DataKind.Integer && decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var exact) && exact != 0: // too small a number becomes 0
                return exact; // a double has no more than 53 bits of a whole number
            case Kind.Number when field.Kind is DataKind.Integer or DataKind.IntegerArray or DataKind.Number or DataKind.NumberArray:
                return double.Parse(text, CultureInfo.InvariantCulture);
            default:
                _next--;
                throw Wrong($"a value of the field '{field.Name}', which is {field.Kind},");
        }
    }

    private bool Take(string word)
    {
        var (text, kind, _) = Peek;
        if (kind is Kind.Word or Kind.Symbol && text.Equals(word, StringComparison.OrdinalIgnoreCase))
        {
            _next++;
            return true;
        }

        return false;
    }

    private void Expect(string word)
    {
        if (!Take(word))
        {
            throw Wrong($"'{word}'");
        }
    }

    private UsageException Wrong(string expected) => new($"The filter has {(Peek.Kind == Kind.End ? "its end" : $"'{Peek.Text}'")} at character {Peek.At + 1}; {expected} was expected.");

    private static List<(string, Kind, int)> Tokens(string text)
    {
        List<(string, Kind, int)> tokens = [];
        for (var at = 0; at < text.Length;)
        {
            var start = at;
            var c = text[at];
            if (char.IsWhiteSpace(c))
            {
                at++;
            }
            else if (c is '\'' or '"' or '`')
            {
                tokens.Add((Quoted(text, ref at), c == '`' ? Kind.Name : Kind.Text, start));
            }
            else if (char.IsAsciiDigit(c) || (c is '-' or '+' or '.' && at + 1 < text.Length && (char.IsAsciiDigit(text[at + 1]) || text[at + 1] == '.')))
            {
                while (++at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '.' || (text[at] is '-' or '+' && text[at - 1] is 'e' or 'E')))
                {
                }

                tokens.Add(double.TryParse(text[start..at], NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? (text[start..at], Kind.Number, start) : throw new UsageException($"The filter has '{text[start..at]}' at character {start + 1}, which is no number."));
            }
            else if (char.IsLetter(c) || c == '_')
            {
                while (at < text.Length && (char.IsLetterOrDigit(text[at]) || text[at] == '_'))
                {
                    at++;
                }

                tokens.Add((text[start..at], Kind.Word, start));
            }
            else
            {
                at += at + 1 < text.Length && text[at..(at + 2)] is "<=" or ">=" or "!=" or "<>" or "==" ? 2 : 1;
                tokens.Add((text[start..at], Kind.Symbol, start));
            }
        }

        tokens.Add(("", Kind.End, text.Length));
        return tokens;
    }

    // A quote inside is written twice.
    private static string Quoted(string text, ref int at)
    {
        var (start, quote) = (at, text[at++]);
        var value = new StringBuilder();
        for (; at < text.Length; at++)
        {
            if (text[at] == quote && (at + 1 == text.Length || text[at + 1] != quote))
            {
                at++;
                return value.ToString();
            }

            at += text[at] == quote ? 1 : 0;
            value.Append(text[at]);
        }

        throw new UsageException($"The filter has a {quote} at character {start + 1} that nothing closes.");
    }
}
