using System.Collections;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Linq.Expressions;
using System.Reflection;

namespace Abi.Database.Filters;

/// <summary>
/// Turns a condition written as C# into a <see cref="Filter"/>: comparisons of a property with a value, &amp;&amp;, ||, !, a bool property, property.HasValue, text.StartsWith, text.Contains,
/// array.Contains(element), array.Any(element => values.Contains(element)), values.Contains(property), and a bool that is known beforehand. Instead of a property it may be an entry of a dictionary:
/// record["name"]. Nothing is compiled: values are read out of the expression.
/// </summary>
/// <param name="fieldOf">The field of a property or an entry, or null.</param>
internal sealed class FilterTranslator(Func<string, string?> fieldOf)
{
    public Filter Translate(LambdaExpression condition) => condition is { Parameters: [var record], Body.Type: var type } && type == typeof(bool)
        ? Translate(condition.Body, record, 0)
        : throw new ArgumentException($"A condition has one parameter, the record, and is true or false; '{condition}' is none.");

    private Filter Translate(Expression node, ParameterExpression record, int depth)
    {
        if (depth > Filter.MaximumDepth)
        {
            throw new ArgumentException($"The condition is nested more than {Filter.MaximumDepth} deep.");
        }

        switch (node)
        {
            case UnaryExpression { NodeType: ExpressionType.Not } not:
                return Filter.Not(Translate(not.Operand, record, depth + 1));
            case BinaryExpression { NodeType: ExpressionType.AndAlso }:
                return Filter.And(Chain(node, record, depth));
            case BinaryExpression { NodeType: ExpressionType.OrElse }:
                return Filter.Or(Chain(node, record, depth));
            case BinaryExpression comparison:
                return Compare(comparison, record);
            case MethodCallExpression call:
                return Call(call, record);
            case MemberExpression { Member.Name: nameof(Nullable<>.HasValue), Expression: { } maybe } when Nullable.GetUnderlyingType(maybe.Type) is not null && Field(maybe, record) is { } field:
                return Filter.Exists(field);
            case MemberExpression or UnaryExpression { NodeType: ExpressionType.Convert } when Field(node, record) is { } field:
                return Filter.Equal(field, true);
            case ConstantExpression or MemberExpression when Value(node, record) is bool holds:
                return holds ? Filter.And() : Filter.Or();
            default:
                throw Unsupported(node, "this form is not known");
        }
    }

    // a && b && c is written as (a && b) && c; however long it is, it is one level.
    private List<Filter> Chain(Expression node, ParameterExpression record, int depth)
    {
        Stack<Expression> parts = new();
        var kind = node.NodeType;
        for (; node is BinaryExpression pair && node.NodeType == kind; node = pair.Left)
        {
            parts.Push(pair.Right);
        }

        parts.Push(node);
        return [.. parts.Select(part => Translate(part, record, depth + 1))];
    }

    private Filter Compare(BinaryExpression node, ParameterExpression record)
    {
        var (left, right, kind) = (node.Left, node.Right, node.NodeType);
        if (Field(left, record) is null)
        {
            (left, right) = (right, left);
            kind = kind switch
            {
                ExpressionType.LessThan => ExpressionType.GreaterThan,
                ExpressionType.LessThanOrEqual => ExpressionType.GreaterThanOrEqual,
                ExpressionType.GreaterThan => ExpressionType.LessThan,
                ExpressionType.GreaterThanOrEqual => ExpressionType.LessThanOrEqual,
                _ => kind,
            };
        }

        var field = Field(left, record) ?? throw Unsupported(node, "neither side is a field of the record");
        var value = Value(right, record);
        return (kind, value) switch
        {
            (ExpressionType.Equal, _) => Filter.Equal(field, value),
            (ExpressionType.NotEqual, _) => Filter.NotEqual(field, value),
            (ExpressionType.LessThan or ExpressionType.LessThanOrEqual or ExpressionType.GreaterThan or ExpressionType.GreaterThanOrEqual, null) => Filter.Or(), // nothing is less or greater than nothing
            (ExpressionType.LessThan, _) => Filter.LessThan(field, value),
            (ExpressionType.LessThanOrEqual, _) => Filter.LessThanOrEqual(field, value),
            (ExpressionType.GreaterThan, _) => Filter.GreaterThan(field, value),
            (ExpressionType.GreaterThanOrEqual, _) => Filter.GreaterThanOrEqual(field, value),
            _ => throw Unsupported(node, "this operator is not known"),
        };
    }

    private Filter Call(MethodCallExpression call, ParameterExpression record)
    {
        switch (call.Method.Name)
        {
            case nameof(string.StartsWith) when call.Object is { } text && Field(text, record) is { } field:
                RequireOrdinal(call, 1, record);
                return Filter.StartsWith(field, Value(call.Arguments[0], record)?.ToString()!); // a text or a character
            case nameof(string.Contains):
                // field.Contains(value) or values.Contains(field), as a method or an extension
                var source = call.Object ?? call.Arguments[0];
                var argument = call.Object is null ? call.Arguments[1] : call.Arguments[0];
                RequireOrdinal(call, call.Object is null ? 2 : 1, record);
                if (Field(source, record) is { } container)
                {
                    var part = Value(argument, record);
                    return part is null && source.Type != typeof(string) ? Filter.Or() : Filter.Contains(container, Part(part!)); // no element of an array is nothing
                }

                if (Field(argument, record) is { } element && Values(call, source, record) is { } values)
                {
                    if (values.Exists(value => value is double.NaN or float.NaN || (value is Half half && Half.IsNaN(half))))
                    {
                        throw Unsupported(call, "for a filter, what is not a number equals nothing");
                    }

                    var isOne = Filter.In(element, values.OfType<object>());
                    return values.Contains(null) ? Filter.Or(isOne, Filter.Equal(element, null)) : isOne;
                }

                break;
            case nameof(Enumerable.Any) when call.Arguments is [var elements, LambdaExpression { Parameters: [var one], Body: MethodCallExpression { Method.Name: nameof(string.Contains) } among }] && Field(elements, record) is { } list:
                var wanted = among.Object is null ? among.Arguments[1] : among.Arguments[0];
                RequireOrdinal(among, among.Object is null ? 2 : 1, record);
                if (wanted is UnaryExpression convert && MayLose(convert))
                {
                    throw Lossy(convert);
                }

                if ((Inside(wanted) ?? wanted) == one && Values(among, among.Object ?? among.Arguments[0], record) is { } any)
                {
                    return Filter.Or(any.OfType<object>().Select(value => Filter.Contains(list, Part(value))));
                }

                break;
        }

        throw Unsupported(call, "this call is not known");
    }

    // A text has characters as texts.
    private static object Part(object value) => value is char character ? character.ToString() : value;

    // Those that values.Contains(…) looks through. Not of text.Contains(…): a text has parts, no elements.
    private static List<object?>? Values(MethodCallExpression call, Expression source, ParameterExpression record)
    {
        if (Value(source, record) is not (IEnumerable and not string and var values))
        {
            return null;
        }

        RequireOrdinal(call, ComparerOf(values));
        return [.. values.Cast<object?>()];
    }

    // Of sets of texts: they compare as they were told when they were made.
    private static object? ComparerOf(IEnumerable values) => values switch
    {
        HashSet<string> set => set.Comparer,
        FrozenSet<string> set => set.Comparer,
        ImmutableHashSet<string> set => set.KeyComparer,
        SortedSet<string> set => set.Comparer,
        ImmutableSortedSet<string> set => set.KeyComparer,
        ICollection<string> texts and not IList<string> => HasOtherCase(texts) ? StringComparer.OrdinalIgnoreCase : null,
        _ => null,
    };

    // Keys of dictionaries, and sets of others, do not tell how they compare. Mostly it is the case that makes no difference.
    private static bool HasOtherCase(ICollection<string> texts)
    {
        HashSet<string> all = new(texts.OfType<string>(), StringComparer.Ordinal); // without null
        return all.Any(text => Has(text.ToUpperInvariant()) || Has(text.ToLowerInvariant()));

        bool Has(string other) => !all.Contains(other) && texts.Contains(other);
    }

    private static void RequireOrdinal(MethodCallExpression call, int first, ParameterExpression record)
    {
        foreach (var argument in call.Arguments.Skip(first))
        {
            RequireOrdinal(call, Value(argument, record));
        }
    }

    // Filters know one way to compare texts; another would find other records than the condition says.
    private static void RequireOrdinal(MethodCallExpression call, object? comparison)
    {
        if (comparison is not (null or StringComparison.Ordinal) && comparison != StringComparer.Ordinal && !IsUsual<string>(comparison))
        {
            throw Unsupported(call, "filters compare texts by the numbers of their characters, which is StringComparison.Ordinal");
        }
    }

    // What sets have that were told none.
    private static bool IsUsual<T>(object comparison) => comparison == EqualityComparer<T>.Default || comparison == Comparer<T>.Default;

    private string? Field(Expression node, ParameterExpression record)
    {
        var inside = node;
        List<UnaryExpression> conversions = [];
        while ((Inside(inside) ?? InsideNullable(inside)) is { } next)
        {
            if (inside is UnaryExpression convert)
            {
                conversions.Add(convert);
            }

            inside = next;
        }

        if (NameOf(inside, record) is not { } name)
        {
            return null;
        }

        // filters compare what is converted, so a conversion that cuts something off would find other records than the condition says
        return conversions.Find(MayLose) is { } lossy ? throw Lossy(lossy) : fieldOf(name) ?? throw Unsupported(node, $"the property '{name}' is no field");
    }

    private static string? NameOf(Expression node, ParameterExpression record) => node switch
    {
        MemberExpression { Expression: { } of } member when of == record || (of is UnaryExpression { NodeType: ExpressionType.Convert } convert && convert.Operand == record) => member.Member.Name, // of the record, or of an interface of it
        MethodCallExpression { Method.Name: "get_Item", Arguments: [var key] } entry when entry.Object == record => Value(key, record) as string,
        _ => null,
    };

    private static Expression? InsideNullable(Expression node) =>
        node is MemberExpression { Member.Name: nameof(Nullable<>.Value), Expression: { } maybe } && Nullable.GetUnderlyingType(maybe.Type) is not null ? maybe : null;

    // What is converted; null for what is no conversion. Array.Contains may have been bound to a span: op_Implicit(array).
    private static Expression? Inside(Expression node) => node switch
    {
        MethodCallExpression { Method.Name: "op_Implicit", Arguments: [var inner] } => inner,
        UnaryExpression { NodeType: ExpressionType.Convert or ExpressionType.ConvertChecked } convert => convert.Operand,
        _ => null,
    };

    private static bool MayLose(UnaryExpression convert)
    {
        var (from, to) = (Code(convert.Operand.Type), Code(convert.Type));
        var losesSign = from is TypeCode.SByte or TypeCode.Int16 or TypeCode.Int32 or TypeCode.Int64 && to is TypeCode.Byte or TypeCode.UInt16 or TypeCode.UInt32 or TypeCode.UInt64;
        var losesDigits = (from is TypeCode.Single or TypeCode.Double && to == TypeCode.Decimal) || (IsHalf(convert.Type) && !IsHalf(convert.Operand.Type)); // a decimal takes 7 or 15 of them
        return losesSign || losesDigits || (IsNumber(from) && to is >= TypeCode.SByte and <= TypeCode.Single && from > to);
    }

    private static bool IsHalf(Type type) => (Nullable.GetUnderlyingType(type) ?? type) == typeof(Half);

    // Numbers in the order of what they hold.
    private static TypeCode Code(Type type) => IsHalf(type) ? TypeCode.Single : Type.GetTypeCode(Nullable.GetUnderlyingType(type) ?? type) is var code && code == TypeCode.Char ? TypeCode.UInt16 : code;

    private static bool IsNumber(TypeCode code) => code is >= TypeCode.SByte and <= TypeCode.Decimal;

    // What the conversion makes of a known value.
    private static object? Converted(object? value, UnaryExpression convert)
    {
        var (from, to) = (Code(convert.Operand.Type), Code(convert.Type));
        if (value is null)
        {
            return null;
        }

        if (convert.Method is { } method)
        {
            return method.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [value], CultureInfo.InvariantCulture);
        }

        if (!IsNumber(from) || !IsNumber(to))
        {
            return value;
        }

        try
        {
            var number = Convert.ChangeType(value is char character ? (ushort)character : value, from, CultureInfo.InvariantCulture); // also of an enumeration
            var converted = Convert.ChangeType(number, to, CultureInfo.InvariantCulture);
            if (!MayLose(convert) || Convert.ChangeType(converted, from, CultureInfo.InvariantCulture).Equals(number))
            {
                return converted;
            }
        }
        catch (OverflowException)
        {
            // it does not fit at all
        }

        throw Lossy(convert);
    }

    private static object? Value(Expression node, ParameterExpression record)
    {
        if (Inside(node) is { } inner)
        {
            return node is UnaryExpression convert ? Converted(Value(inner, record), convert) : Value(inner, record);
        }

        switch (node)
        {
            case ConstantExpression constant:
                return constant.Value;
            case MemberExpression { Member: FieldInfo field } member:
                return field.GetValue(member.Expression is null ? null : Value(member.Expression, record));
            case MemberExpression { Member: PropertyInfo property } member when member.Expression != record:
                return property.GetValue(member.Expression is null ? null : Value(member.Expression, record), BindingFlags.DoNotWrapExceptions, null, null, null);
            case NewArrayExpression { NodeType: ExpressionType.NewArrayInit } array:
                var elements = Array.CreateInstanceFromArrayType(array.Type, array.Expressions.Count); // as the method takes it that it may be for
                for (var i = 0; i < elements.Length; i++)
                {
                    elements.SetValue(Value(array.Expressions[i], record), i);
                }

                return elements;
            case NewExpression { Constructor: { } constructor } made:
                return constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, [.. made.Arguments.Select(argument => Value(argument, record))], null);
            case MethodCallExpression call:
                return call.Method.Invoke(call.Object is null ? null : Value(call.Object, record), BindingFlags.DoNotWrapExceptions, null, [.. call.Arguments.Select(argument => Value(argument, record))], null);
            default:
                throw Unsupported(node, "it is not a value known beforehand; compute it into a variable first");
        }
    }

    private static ArgumentException Lossy(UnaryExpression convert) => Unsupported(convert, "the conversion may lose something; compute it into a variable first");

    private static ArgumentException Unsupported(Expression node, string why) => new($"The condition '{node}' cannot become a filter: {why}.");
}
