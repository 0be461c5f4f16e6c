using System.CommandLine;
using Nixl.Sdk.Samples.Trainer;

var output = new Option<string>("--output") { Description = "Folder for config.json and model.safetensors.", DefaultValueFactory = _ => "out" };
var minutes = new Option<double>("--minutes") { Description = "Wall-clock budget.", DefaultValueFactory = _ => 55 };
var rate = new Option<double>("--rate") { Description = "Peak learning rate.", DefaultValueFactory = _ => 3e-3 };
var batch = new Option<int>("--batch-tokens") { Description = "Tokens in a step.", DefaultValueFactory = _ => 4096 };
var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 1 };
var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1611 };
var steps = new Option<long>("--steps") { Description = "Stop after so many steps.", DefaultValueFactory = _ => long.MaxValue };
var hidden = new Option<int>("--hidden") { DefaultValueFactory = _ => ModelShape.Default.Hidden };
var layers = new Option<int>("--layers") { DefaultValueFactory = _ => ModelShape.Default.Layers };
var feedForward = new Option<int>("--feed-forward") { DefaultValueFactory = _ => ModelShape.Default.FeedForward };

var root = new RootCommand("Trains the byte-level Llama model of the samples on the King James text.")
{
    output, minutes, rate, batch, threads, seed, steps, hidden, layers, feedForward,
};
root.SetAction(parse =>
{
    OlderLibstdcxx.Adapt(AppContext.BaseDirectory);
    var shape = ModelShape.Default with
    {
        Hidden = parse.GetValue(hidden), Layers = parse.GetValue(layers), FeedForward = parse.GetValue(feedForward),
    };
    var options = new TrainOptions(
        parse.GetValue(output)!, TimeSpan.FromMinutes(parse.GetValue(minutes)), parse.GetValue(rate), parse.GetValue(batch),
        Context: 256, LongContext: 512, parse.GetValue(threads), parse.GetValue(seed), parse.GetValue(steps));
    new TrainingRun(shape, options, Corpus.FromDebianPackage()).Run();
});
return root.Parse(args).Invoke();
