namespace Abi.Database.Filters;

/// <summary>What a filter does.</summary>
internal enum FilterOperator
{
    And,
    Or,
    Not,
    Equal,
    NotEqual,
    LessThan,
    LessThanOrEqual,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    Contains,
    StartsWith,
    Exists,
    WithinRadius,
}
