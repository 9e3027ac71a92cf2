using Abi.Database.Schema;

namespace Abi.Database.Filters;

/// <summary>Evaluates filters over the columns of a collection.</summary>
internal static class FilterEvaluator
{
    /// <summary>One bit a slot: where the filter holds.</summary>
    public static ulong[] Evaluate(Filter filter, CollectionSchema schema, FieldColumn?[] columns, int slots, int depth = 0)
    {
        if (depth > Filter.MaximumDepth)
        {
            throw new ArgumentException($"The filter is nested more than {Filter.MaximumDepth} deep.");
        }

        switch (filter.Operator)
        {
            case FilterOperator.And:
            case FilterOperator.Or:
                var bits = new ulong[(slots + 63) >> 6];
                if (filter.Operator == FilterOperator.And)
                {
                    FilterBits.Not(bits);
                }

                foreach (var operand in filter.Operands)
                {
                    var other = Evaluate(operand, schema, columns, slots, depth + 1);
                    if (filter.Operator == FilterOperator.And)
                    {
                        FilterBits.And(bits, other);
                    }
                    else
                    {
                        FilterBits.Or(bits, other);
                    }
                }

                return bits;
            case FilterOperator.Not:
                var inner = Evaluate(filter.Operands[0], schema, columns, slots, depth + 1);
                FilterBits.Not(inner);
                return inner;
            case FilterOperator.WithinRadius:
                return WithinRadius(filter, schema, columns, slots);
            default:
                return Column(filter.Field!, schema, columns).Evaluate(filter, slots);
        }
    }

    private static FieldColumn Column(string name, CollectionSchema schema, FieldColumn?[] columns) => columns[schema.FilterIndex(name)]!;

    private static ulong[] WithinRadius(Filter filter, CollectionSchema schema, FieldColumn?[] columns, int slots)
    {
        if (Column(filter.Field!, schema, columns) is not NumberColumn latitudes || Column((string)filter.Values[0]!, schema, columns) is not NumberColumn longitudes)
        {
            throw new ArgumentException($"WithinRadius needs two fields of kind Number; '{filter.Field}' and '{filter.Values[0]}' are not.");
        }

        var (latitude, longitude, metres) = (Radians((double)filter.Values[1]!), Radians((double)filter.Values[2]!), (double)filter.Values[3]!);
        var bits = new ulong[(slots + 63) >> 6];
        for (var slot = 0; slot < slots; slot++)
        {
            var (φ, λ) = (Radians(latitudes[slot]), Radians(longitudes[slot]));
            var (a, b) = (Math.Sin((φ - latitude) / 2), Math.Sin((λ - longitude) / 2));
            var haversine = (a * a) + (Math.Cos(φ) * Math.Cos(latitude) * b * b);
            if (2 * Filter.EarthRadius * Math.Asin(Math.Min(1, Math.Sqrt(haversine))) <= metres)
            {
                bits[slot >> 6] |= 1ul << (slot & 63);
            }
        }

        return bits;
    }

    private static double Radians(double degrees) => degrees * (Math.PI / 180);
}
