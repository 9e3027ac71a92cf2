using Abi.Database;
using Microsoft.Extensions.Configuration;

namespace Abi;

/// <summary>Adds the database to Abi.</summary>
public static class DatabaseFeatureExtensions
{
    /// <summary>Adds the database: reached as <c>abi.Database</c>, configured under <c>Abi:Database</c>.</summary>
    public static AbiBuilder AddDatabase(this AbiBuilder builder, Action<DatabaseOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddFeature(
            new FeatureDefinition<DatabaseFeature, DatabaseOptions>
            {
                Name = "Database",
                Create = static (services, options) =>
                {
                    options.Clock = services.GetService(typeof(TimeProvider)) as TimeProvider ?? options.Clock;
                    return new DatabaseFeature(options);
                },
                Bind = static (section, options) => section.Bind(options),
                Validate = static (options, check) =>
                {
                    check.NotEmpty(options.Path);
                    check.Defined(options.Access);
                    check.Defined(options.Durability);
                    check.Defined(options.Recovery);
                    check.InRange(options.LogSegmentBytes, 1 << 16, 1 << 30);
                    check.InRange(options.CheckpointBytes, 1 << 16, long.MaxValue);
                    check.InRange(options.IndexThreads, 0, 1024);
                    check.InRange(options.ScanThreads, 0, 1024);
                    check.Require(options.GroupInterval >= TimeSpan.FromMilliseconds(1) && options.GroupInterval <= TimeSpan.FromMinutes(1), nameof(options.GroupInterval), options.GroupInterval, "a time from 1 millisecond to 1 minute");
                },
            },
            configure);
    }

    extension(AbiFramework abi)
    {
        /// <summary>The database.</summary>
        /// <exception cref="FeatureDisabledException">The feature is not on.</exception>
        public DatabaseFeature Database => abi.GetFeature<DatabaseFeature>("Database");
    }
}
