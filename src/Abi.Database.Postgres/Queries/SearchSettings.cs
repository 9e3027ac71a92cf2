namespace Abi.Database.Postgres.Queries;

/// <summary>What pgvector is told before a search, for the transaction of that search only.</summary>
internal static class SearchSettings
{
    /// <summary>The most that <c>hnsw.ef_search</c> can be.</summary>
    public const int MaximumEffort = 1_000;

    /// <summary>Sets the effort to the parameter, and walks on until enough rows pass the filter, nearest first.</summary>
    public const string Statement = "SELECT set_config('hnsw.ef_search', $1, true), set_config('hnsw.iterative_scan', 'strict_order', true)";
}
