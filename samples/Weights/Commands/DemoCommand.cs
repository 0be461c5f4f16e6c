using System.CommandLine;

namespace Nixl.Sdk.Samples.Weights;

/// <summary><c>demo</c>: starts an engine that has a model, and a new engine that reads its shards out of it.</summary>
internal static class DemoCommand
{
    internal static Command Create()
    {
        var size = new Option<string?>("--size") { Description = "Instead of --model: a synthetic model of about so many bytes, for example 512MiB or 1GiB, made in the temporary folder." };
        var peerModel = new Option<string?>("--peer-model") { Description = "What the serving engine has, if it is to be another model than --model." };
        size.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && ByteSize.TryParse(text) is not (>= SyntheticModel.MinBytes and <= SyntheticModel.MaxBytes))
                result.AddError($"--size '{text}' is not a size from 1MiB to 16GiB, such as 512MiB.");
        });
        var (common, load) = (new CommonOptions(), new LoadOptions());
        var command = new Command("demo", "Starts an engine that has a model; a new engine reads its shards out of it, checks every byte, and compares time and logits with loading from disk.")
        {
            size, peerModel,
        };
        common.AddTo(command);
        load.AddTo(command);
        command.SetAction((parse, cancellation) => Exits.RunAsync(
            async () =>
            {
                using var synthetic = parse.GetValue(size) is { } text ? SyntheticModel.Create(ByteSize.TryParse(text)!.Value) : null;
                var model = synthetic?.Folder ?? common.ModelOf(parse);
                var task = load.TaskOf(parse, common, model);
                await using var peer = await ServingPeer.StartAsync(parse.GetValue(peerModel) ?? model, task.Transport, task.Timeout, cancellation);
                return await NewEngine.RunAsync(peer, task, Console.Out, cancellation);
            }, cancellation));
        return command;
    }
}
