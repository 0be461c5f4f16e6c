using System.CommandLine;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>monolithic</c>: one engine, one process, no transfer.</summary>
internal static class MonolithicCommand
{
    internal static Command Create()
    {
        var prompt = new Option<string>("--prompt") { Description = "The prompt.", DefaultValueFactory = _ => DemoPrompts.Choose(null, 1)[0] };
        var tokens = CommonOptions.Positive("--max-new-tokens", "Longest answer.", 96);
        var common = new CommonOptions();
        var command = new Command("monolithic", "Answers one prompt with one engine, for comparison.") { prompt, tokens, common.Model };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            using var model = ModelHandle.Load(common.ModelOf(parse));
            var text = model.Tokenizer.CreateStream();
            Console.Write($"{parse.GetValue(prompt)}>");
            new MonolithicEngine(model).Generate(
                parse.GetValue(prompt)!, parse.GetValue(tokens), token => Console.Write(text.Append(token)), cancellation);
            Console.WriteLine(text.Finish());
        }, cancellation));
        return command;
    }
}
