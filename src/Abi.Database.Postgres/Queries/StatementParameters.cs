using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace Abi.Database.Postgres.Queries;

/// <summary>The values of a statement, which never stand in its text.</summary>
internal sealed class StatementParameters(NpgsqlParameterCollection parameters)
{
    /// <summary>Adds a value.</summary>
    /// <returns>What stands for it.</returns>
    public string Add(object value, NpgsqlDbType type)
    {
        parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = type });
        return string.Create(CultureInfo.InvariantCulture, $"${parameters.Count}");
    }
}
