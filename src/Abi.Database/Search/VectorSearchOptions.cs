namespace Abi.Database;

/// <summary>How to search by a vector.</summary>
public sealed record VectorSearchOptions
{
    /// <summary>Which records count; unset, all.</summary>
    public Filter? Filter { get; init; }

    /// <summary>How many of the nearest to leave out.</summary>
    public int Skip { get; init; }

    /// <summary>Whether results come with their vectors.</summary>
    public bool IncludeVectors { get; init; }

    /// <summary>The vector field to search; may be unset when there is only one.</summary>
    public string? VectorField { get; init; }

    /// <summary>Compares every vector, whatever the index.</summary>
    public bool IsExact { get; init; }

    /// <summary>The share of the true nearest that a walk over the graph should find, from 0.5 to 0.999: the effort that it takes is measured on the collection itself. Unset, the usual effort (about 0.99 on most data).</summary>
    public double? Recall { get; init; }

    /// <summary>ef: how many candidates the walk keeps. Goes before <see cref="Recall"/>.</summary>
    public int? Effort { get; init; }

    /// <summary>Checks the options and how many records are asked for.</summary>
    /// <exception cref="ArgumentException">One is out of its range.</exception>
    public void Validate(int top)
    {
        CheckTop(top);
        if (Skip < 0 || Effort is < 1 or > 1_000_000 || Recall is < 0.5 or > 0.999 || Recall is double.NaN)
        {
            throw new ArgumentException($"Skip ({Skip}) must not be negative, Effort ({Effort}) must be from 1 to 1,000,000, Recall ({Recall}) from 0.5 to 0.999.");
        }
    }

    // How many have to be found for as many to be left when some are left out.
    internal static int Wanted(int top, int skip) => (int)Math.Min((long)top + skip, int.MaxValue);

    internal static void CheckTop(int top)
    {
        if (top is < 1 or > 1_000_000)
        {
            throw new ArgumentOutOfRangeException(nameof(top), top, "A search gives from 1 to 1,000,000 records.");
        }
    }
}
