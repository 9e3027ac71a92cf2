namespace Abi.Cli.Terminal;

/// <summary>Hands progress on at once, on the thread that reports it; <see cref="Progress{T}"/> would do so later, and out of order.</summary>
internal sealed class DirectProgress<T>(Action<T> action) : IProgress<T>
{
    /// <inheritdoc/>
    public void Report(T value) => action(value);
}
