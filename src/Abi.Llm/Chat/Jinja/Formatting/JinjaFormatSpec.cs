namespace Abi.Llm.Chat.Jinja;

/// <summary>What stands behind the colon in a field of <c>str.format</c>: fill, alignment, sign, width, grouping, precision and kind.</summary>
internal sealed class JinjaFormatSpec
{
    private readonly string _spec;
    private int _position;
    private string _fill = " ";
    private bool _hasFill;
    private char _align;
    private char _sign = '-';
    private bool _alternate;
    private bool _zero;
    private int _width;
    private char _group;
    private int _precision = -1;
    private char _kind;

    private JinjaFormatSpec(string spec)
    {
        _spec = spec;
        Alignment();
        Flags();
        _width = Digits();
        if (Current is ',' or '_')
        {
            _group = _spec[_position++];
        }

        if (Current == '.')
        {
            _position++;
            _precision = char.IsAsciiDigit(Current) ? Digits() : throw JinjaError.Value("Format specifier missing precision");
        }

        _kind = Current;
        _position += _kind == '\0' ? 0 : 1;
        if (_position < _spec.Length)
        {
            throw JinjaError.Value($"Invalid format specifier '{spec}'");
        }
    }

    private char Current => _position < _spec.Length ? _spec[_position] : '\0';

    public static string Apply(object? value, string spec, JinjaRuntime runtime)
    {
        if (spec.Length == 0)
        {
            return JinjaText.ToText(value);
        }

        if (value is not (string or double) && !JinjaNumbers.IsInteger(value))
        {
            throw JinjaError.Type($"unsupported format string passed to {JinjaOperators.TypeName(value)}.__format__");
        }

        var parsed = new JinjaFormatSpec(spec);
        runtime.CheckCharacters(parsed._width);
        return value is string text ? parsed.Text(text) : parsed.Number(value!);
    }

    private void Alignment()
    {
        var fill = _spec.Length > 0 ? JinjaText.First(_spec, 1) : "";
        if (fill.Length < _spec.Length && _spec[fill.Length] is '<' or '>' or '^' or '=')
        {
            (_fill, _hasFill, _align, _position) = (fill, true, _spec[fill.Length], fill.Length + 1);
        }
        else if (Current is '<' or '>' or '^' or '=')
        {
            _align = _spec[_position++];
        }
    }

    private void Flags()
    {
        if (Current is '+' or '-' or ' ')
        {
            _sign = _spec[_position++];
        }

        if (Current == 'z')
        {
            _position++;
        }

        if (Current == '#')
        {
            _alternate = true;
            _position++;
        }

        if (Current == '0')
        {
            _zero = true;
            _fill = _hasFill ? _fill : "0";
            _position++;
        }
    }

    private int Digits()
    {
        var value = 0;
        for (; char.IsAsciiDigit(Current); _position++)
        {
            value = value > (int.MaxValue / 10) - 1 ? throw JinjaError.Value("Too many decimal digits in format string") : (value * 10) + Current - '0';
        }

        return value;
    }

    private string Text(string text)
    {
        if (_kind is not ('\0' or 's') || _group != '\0' || _alternate || _sign != '-' || _align == '=')
        {
            throw JinjaError.Value(_kind is '\0' or 's' ? "not allowed in string format specifier" : $"Unknown format code '{_kind}' for object of type 'str'");
        }

        // A zero before the width fills with zeros, on the right as strings are aligned.
        return Pad("", _precision >= 0 ? JinjaText.First(text, _precision) : text, _align == '\0' ? '<' : _align);
    }

    private string Number(object value)
    {
        var isInteger = value is not double && _kind is '\0' or 'b' or 'c' or 'd' or 'n' or 'o' or 'x' or 'X' && value is not double;
        var (negative, text) = isInteger ? Integer(value) : Real(JinjaNumbers.ToDouble(value));
        var sign = negative ? "-" : _sign == '-' ? "" : _sign.ToString();
        var prefix = isInteger && _alternate && _kind is 'b' or 'o' or 'x' or 'X' && isInteger && _alternate ? "0" + _kind : "";
        var align = _align != '\0' ? _align : _zero ? '=' : _kind == 'c' ? '<' : '>';
        if (_group != '\0')
        {
            var size = _kind is 'b' or 'o' or 'x' or 'X' ? 4 : 3;
            _ = (_group == ',' && size == 4) || _kind is 'c' or 'n' ? throw JinjaError.Value($"Cannot specify '{_group}' with '{_kind}'.") : 0;
            text = JinjaNumberFormat.Grouped(text, _group, size, align == '=' && _fill == "0" ? _width - sign.Length - prefix.Length : 0);
        }

        return Pad(sign + prefix, text, align);
    }

    private (bool Negative, string Text) Integer(object value)
    {
        if (_precision >= 0)
        {
            throw JinjaError.Value("Precision not allowed in integer format specifier");
        }

        var integer = JinjaNumbers.ToBig(value);
        if (_kind == 'c')
        {
            return integer >= 0 && integer <= 0x10ffff && !(integer >= 0xd800 && integer <= 0xdfff)
                ? (false, char.ConvertFromUtf32((int)integer))
                : throw JinjaError.Overflow("%c arg not in range(0x110000)");
        }

        return (integer.Sign < 0, JinjaNumberFormat.Integer(integer, _kind));
    }

    private (bool Negative, string Text) Real(double value)
    {
        var precision = Math.Min(_precision, JinjaNumberFormat.MostPrecision);
        var text = _kind switch
        {
            '\0' when precision < 0 => Shortest(value),
            '\0' => JinjaNumberFormat.Plain(value, precision, _alternate),
            'e' or 'E' or 'f' or 'F' or 'g' or 'G' => JinjaNumberFormat.Float(value, _kind, precision < 0 ? 6 : precision, _alternate),
            'n' => JinjaNumberFormat.Float(value, 'g', precision < 0 ? 6 : precision, _alternate),
            '%' => JinjaNumberFormat.Float(value * 100, 'f', precision < 0 ? 6 : precision, _alternate) + "%",
            _ => throw JinjaError.Value($"Unknown format code '{_kind}' for object of type 'float'"),
        };
        return (double.IsNegative(value) && !double.IsNaN(value), text);
    }

    /// <summary>As <c>repr</c>; with <c>#</c> never without a point.</summary>
    private string Shortest(double value)
    {
        var text = JinjaDecimal.Shortest(Math.Abs(value));
        var exponent = text.IndexOf('e', StringComparison.Ordinal);
        return _alternate && exponent > 0 && !text.Contains('.', StringComparison.Ordinal) ? text.Insert(exponent, ".") : text;
    }

    private string Pad(string sign, string text, char align)
    {
        var padding = Math.Max(_width - JinjaText.Length(text) - sign.Length, 0);
        var left = align switch { '<' => 0, '>' => padding, '^' => padding / 2, _ => 0 };
        return align == '='
            ? sign + Repeated(padding) + text
            : Repeated(left) + sign + text + Repeated(padding - left);
    }

    private string Repeated(int count) => _fill.Length == 1 ? new string(_fill[0], count) : string.Concat(Enumerable.Repeat(_fill, count));
}
