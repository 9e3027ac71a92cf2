namespace Abi.Database.Filters;

/// <summary>What a <see cref="Filter"/> does; its methods of the same names say what each means.</summary>
public enum FilterOperator
{
    /// <summary>See <see cref="Filter.And"/>.</summary>
    And,

    /// <summary>See <see cref="Filter.Or"/>.</summary>
    Or,

    /// <summary>See <see cref="Filter.Not"/>.</summary>
    Not,

    /// <summary>See <see cref="Filter.Equal"/>.</summary>
    Equal,

    /// <summary>See <see cref="Filter.NotEqual"/>.</summary>
    NotEqual,

    /// <summary>See <see cref="Filter.LessThan"/>.</summary>
    LessThan,

    /// <summary>See <see cref="Filter.LessThanOrEqual"/>.</summary>
    LessThanOrEqual,

    /// <summary>See <see cref="Filter.GreaterThan"/>.</summary>
    GreaterThan,

    /// <summary>See <see cref="Filter.GreaterThanOrEqual"/>.</summary>
    GreaterThanOrEqual,

    /// <summary>See <see cref="Filter.In"/>.</summary>
    In,

    /// <summary>See <see cref="Filter.Contains"/>.</summary>
    Contains,

    /// <summary>See <see cref="Filter.StartsWith"/>.</summary>
    StartsWith,

    /// <summary>See <see cref="Filter.Exists"/>.</summary>
    Exists,

    /// <summary>See <see cref="Filter.WithinRadius"/>.</summary>
    WithinRadius,
}
