using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>C's <c>strftime</c> in the C locale, with the flags of glibc; the time has no zone.</summary>
internal static class JinjaTime
{
    private const int MostWidth = 1000;

    public static string Format(string format, JinjaRuntime runtime)
    {
        var output = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            var start = i;
            if (format[i] != '%')
            {
                output.Append(format[i]);
                continue;
            }

            i++;
            var flag = '\0';
            for (; i < format.Length && format[i] is '-' or '_' or '0' or '^' or '#'; i++)
            {
                flag = format[i];
            }

            var width = 0;
            for (; i < format.Length && char.IsAsciiDigit(format[i]); i++)
            {
                width = Math.Min((width * 10) + format[i] - '0', MostWidth);
            }

            var modifier = i < format.Length && format[i] is 'E' or 'O' ? format[i++] : '\0';
            var directive = i < format.Length ? format[i] : '\0';
            var isKnown = modifier switch
            {
                'E' => "cCnpPrRtTuxXyYzZ".Contains(directive, StringComparison.Ordinal),
                'O' => "bBCdegGhHIjklmMnpPrRStTuUVwWyzZ".Contains(directive, StringComparison.Ordinal),
                _ => directive != 'f' || start + 1 == i,
            };
            var before = output.Length;
            output.Append(isKnown && Directive(directive, runtime.Now) is { } text
                ? Flagged(text, flag, width, directive)
                : flag == '^' ? format[start..Math.Min(i + 1, format.Length)].ToUpperInvariant() : format[start..Math.Min(i + 1, format.Length)]);
            runtime.Step();
            runtime.CheckGrowth(output, before);
        }

        return output.ToString();
    }

    private static string Flagged(string text, char flag, int width, char directive)
    {
        var isNumber = text.Length > 0 && text.All(c => char.IsAsciiDigit(c) || c == ' ');
        if (!isNumber)
        {
            text = flag == '^' || (flag == '#' && directive is ('a' or 'A' or 'b' or 'B' or 'h')) ? text.ToUpperInvariant() : flag == '#' && directive is 'p' ? text.ToLowerInvariant() : text;
            return text.PadLeft(width, flag == '0' ? '0' : ' ');
        }

        var digits = text.TrimStart(' ').TrimStart('0') is { Length: > 0 } trimmed ? trimmed : "0";
        var fill = flag == '_' || (flag == '\0' && text[0] == ' ') ? ' ' : '0';
        return flag == '-' ? digits : digits.PadLeft(Math.Max(text.Length, width), fill);
    }

    private static string? Directive(char directive, DateTimeOffset time)
    {
        var (week, isoYear) = (ISOWeek.GetWeekOfYear(time.DateTime), ISOWeek.GetYear(time.DateTime));
        var twelve = time.Hour % 12 == 0 ? 12 : time.Hour % 12;
        return directive switch
        {
            'Y' => Number(time.Year, 1),
            'C' => Number(time.Year / 100, 2),
            'y' => Number(time.Year % 100, 2),
            'G' => Number(isoYear, 1),
            'g' => Number(isoYear % 100, 2),
            'm' => Number(time.Month, 2),
            'd' => Number(time.Day, 2),
            'e' => Number(time.Day, 1).PadLeft(2),
            'H' => Number(time.Hour, 2),
            'k' => Number(time.Hour, 1).PadLeft(2),
            'I' => Number(twelve, 2),
            'l' => Number(twelve, 1).PadLeft(2),
            'M' => Number(time.Minute, 2),
            'S' => Number(time.Second, 2),
            'f' => (time.Ticks % TimeSpan.TicksPerSecond / 10).ToString("000000", CultureInfo.InvariantCulture),
            'p' => time.Hour < 12 ? "AM" : "PM",
            'P' => time.Hour < 12 ? "am" : "pm",
            'A' => time.ToString("dddd", CultureInfo.InvariantCulture),
            'a' => time.ToString("ddd", CultureInfo.InvariantCulture),
            'B' => time.ToString("MMMM", CultureInfo.InvariantCulture),
            'b' or 'h' => time.ToString("MMM", CultureInfo.InvariantCulture),
            'j' => Number(time.DayOfYear, 3),
            'w' => Number((int)time.DayOfWeek, 1),
            'u' => Number(time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek, 1),
            'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2),
            'W' => Number((time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7, 2),
            'V' => Number(week, 2),
            'F' => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            'T' or 'X' => time.ToString("HH:mm:ss", CultureInfo.InvariantCulture),
            'R' => time.ToString("HH:mm", CultureInfo.InvariantCulture),
            'r' => $"{Number(twelve, 2)}:{time.ToString("mm:ss", CultureInfo.InvariantCulture)} {(time.Hour < 12 ? "AM" : "PM")}",
            'D' or 'x' => time.ToString("MM/dd/yy", CultureInfo.InvariantCulture),
            'c' => $"{time.ToString("ddd MMM", CultureInfo.InvariantCulture)} {time.Day,2} {time.ToString("HH:mm:ss yyyy", CultureInfo.InvariantCulture)}",
            's' => new DateTimeOffset(time.DateTime, TimeSpan.Zero).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'z' or 'Z' => "",
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => null,
        };
    }

    private static string Number(int value, int width) => value.ToString(CultureInfo.InvariantCulture).PadLeft(width, '0');
}
