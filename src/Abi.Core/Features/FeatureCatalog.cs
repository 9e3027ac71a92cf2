namespace Abi;

/// <summary>The features that Abi has, so that a program can be told of those it did not add. One line each; <c>eng/Features.props</c> has the same list for the build.</summary>
internal static class FeatureCatalog
{
    internal static readonly string[] Names =
    [
        "Llm",
        "Database",
        "Postgres",
    ];

    /// <summary>The switch that a build with the feature's property set to false leaves in the program's runtimeconfig.json.</summary>
    internal static bool IsCompiledOut(string feature) => AppContext.TryGetSwitch($"Abi.Features.{feature}", out var enabled) && !enabled;

    internal static string PackageOf(string feature) => feature switch
    {
        "Postgres" => "Abi.Database.Postgres",
        "ModelHost" => "Abi.Llm",
        _ => $"Abi.{feature}",
    };

    internal static string PropertyOf(string feature) => $"AbiEnable{feature}";
}
