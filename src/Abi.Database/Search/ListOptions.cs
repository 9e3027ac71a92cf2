namespace Abi.Database;

/// <summary>Which records to list.</summary>
public sealed record ListOptions
{
    /// <summary>Which records count; unset, all.</summary>
    public Filter? Filter { get; init; }

    /// <summary>How many to leave out. The order is that of one call: writes and checkpoints change it, so that pages of several calls may have a record twice or not at all. Who wants all lists them once.</summary>
    public int Skip { get; init; }

    /// <summary>The most to list; unset, all.</summary>
    public int? Top { get; init; }

    /// <summary>Whether records come with their vectors.</summary>
    public bool IncludeVectors { get; init; } = true;

    /// <summary>Checks the options.</summary>
    /// <exception cref="ArgumentException">One is out of its range.</exception>
    public void Validate()
    {
        if (Skip < 0 || Top is < 0)
        {
            throw new ArgumentException($"Skip ({Skip}) and Top ({Top}) must not be negative.");
        }
    }
}
