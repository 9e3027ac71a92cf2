using Abi.Llm.Sampling;

namespace Abi.Llm.Engine;

/// <summary>Computes logits of given tokens, for scoring.</summary>
internal sealed class EvaluationRequest(Sequence sequence, int firstOutput, LogitsHandler handler, CancellationToken cancellationToken)
    : EngineRequest(sequence, cancellationToken)
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _handedOver; // the tokens below are not wanted again when their state is lost and computed anew

    public Task Completion => _completion.Task;

    public override int FirstOutput => Math.Max(firstOutput, _handedOver);

    public override bool OnStep(ReadOnlySpan<float> logits, Candidates candidates)
    {
        if (OutputsInStep > 0)
        {
            var width = logits.Length / OutputsInStep;
            for (var row = 0; row < OutputsInStep; row++)
            {
                var position = Sequence.Cached - OutputsInStep + row;
                _handedOver = position + 1;
                handler(position, logits.Slice(row * width, width));
            }
        }

        return Sequence.Pending == 0;
    }

    public override void OnEnded(Exception? exception)
    {
        if (exception is null)
        {
            _completion.TrySetResult();
        }
        else if (exception is OperationCanceledException)
        {
            _completion.TrySetCanceled(CancellationToken);
        }
        else
        {
            _completion.TrySetException(exception);
        }
    }
}
