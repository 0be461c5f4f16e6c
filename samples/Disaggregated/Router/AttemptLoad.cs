namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What one attempt at a request weighs on its engines, from the moment of the choice: their statuses tell it later. One thread at a time.</summary>
internal sealed class AttemptLoad : IDisposable
{
    private readonly WorkerChoice _choice;
    private Worker? _prefill;

    internal AttemptLoad(WorkerChoice choice)
    {
        _choice = choice;
        choice.Decode.AddLoad(1);
        Move(choice.Prefill.FirstOrDefault());
    }

    internal void On(EngineEvent happened)
    {
        switch (happened)
        {
            case PrefillEvent prefill: Move(Named(prefill.Engine)); break;
            case FailoverEvent failover: Move(Named(failover.To)); break;
            case ArrivedEvent:
                _prefill?.Prefixes.Add(_choice.Hashes);
                Move(null);
                break;
            case TokenEvent: Move(null); break;
            default: break;
        }
    }

    public void Dispose()
    {
        Move(null);
        _choice.Decode.AddLoad(-1);
    }

    private Worker? Named(string name) => _choice.Prefill.FirstOrDefault(worker => worker.Name == name);

    private void Move(Worker? to)
    {
        if (to == _prefill) return;
        _prefill?.AddLoad(-1);
        to?.AddLoad(1);
        _prefill = to;
    }
}
