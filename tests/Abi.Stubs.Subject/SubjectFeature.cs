using Mono.Cecil;

namespace Abi.Stubs.Subject;

public sealed class SubjectFeature : IAbiFeature
{
    public string Name => "Subject";

    public int Version => typeof(AssemblyDefinition).Assembly.GetName().Version!.Minor;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

public static class SubjectFeatureExtensions
{
    public static AbiBuilder AddSubject(this AbiBuilder builder, Action<SubjectOptions>? configure = null) =>
        builder.AddFeature(
            new FeatureDefinition<SubjectFeature, SubjectOptions> { Name = "Subject", Create = static (_, _) => new SubjectFeature(), Bind = static (_, _) => { } },
            configure);

    extension(AbiFramework abi)
    {
        public SubjectFeature Subject => abi.GetFeature<SubjectFeature>("Subject");
    }

    extension<T>(IReadOnlyList<T> list)
    {
        public T Middle() => list[list.Count / 2];

        public static IReadOnlyList<T> None => [];
    }
}
