using System.Globalization;

namespace Abi.Llm.Hosting;

/// <summary>A model does not fit into a host's memory budget beside what cannot be unloaded.</summary>
public sealed class ModelMemoryException : AbiException
{
    internal ModelMemoryException(string name, long needed, long budget, string others, string remedy)
        : base(string.Create(CultureInfo.InvariantCulture, $"The model '{name}' needs {needed} bytes; the host's budget is {budget} bytes{others}. {remedy}"))
    {
        Name = name;
        NeededBytes = needed;
        BudgetBytes = budget;
    }

    /// <summary>The model.</summary>
    public string Name { get; }

    /// <summary>The bytes that it needs: weights, state and scratch.</summary>
    public long NeededBytes { get; }

    /// <summary>The bytes that all models of the host may take together; <see cref="long.MaxValue"/> when only their number is limited.</summary>
    public long BudgetBytes { get; }
}
